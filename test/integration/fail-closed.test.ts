// Policies that cannot be read when they are first seen, on a real Envoy: nothing passes for which
// they were written, and no more than that is closed.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomLoopback } from '../support/envoy.ts';
import { waypointManifests } from '../support/mesh.ts';
import { createIssuer } from '../support/tokens.ts';
import { startWaypoint, type TestWaypoint } from '../support/waypoint.ts';
import { type EchoWorkload, startEcho } from '../support/workload.ts';

const host = randomLoopback();
const issuer = createIssuer('https://issuer.example');
let waypoint: TestWaypoint;
let echo: EchoWorkload;

const targets = (name: string): string => `targetRefs: [{ group: '', kind: Service, name: ${name} }]`;
const membersOnly = (name: string): string => `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: ${name}, namespace: shop }
spec: { ${targets(name)}, action: DENY, rules: [{ from: [{ source: { notRequestPrincipals: ['*'] } }] }] }
---`;
const authentication = (name: string, rest: string): string => `
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: { name: ${name}, namespace: shop }
spec: { ${targets(name)}, jwtRules: [{ issuer: '${issuer.issuer}', jwks: '${issuer.jwks}'${rest} }] }
`;
const policy = (name: string, rest: string): string => `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: ${name}, namespace: shop }
spec: { ${targets(name)}, action: DENY, rules: [{ to: [{ operation: { paths: [/admin] } }] }]${rest} }
`;

/** The manifests of each service, by its name. */
const services: Readonly<Record<string, string>> = {
  'tokens-good': `${membersOnly('tokens-good')}${authentication('tokens-good', '')}`,
  'tokens-spoilt': `${membersOnly('tokens-spoilt')}${authentication('tokens-spoilt', ', audiences: shop')}`,
  'verified-spoilt': authentication('verified-spoilt', ', audiences: shop'),
  'policy-good': policy('policy-good', ''),
  'policy-spoilt': policy('policy-spoilt', ', slip: 1'),
  'tls-spoilt': `
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: { name: tls-spoilt, namespace: shop }
spec: { ${targets('tls-spoilt')}, validation: { hostname: app.example, wellKnownCACertificates: 7 } }
`,
  'tls-none': '',
};
const names = Object.keys(services);

beforeAll(async () => {
  echo = await startEcho(host, 8080, { name: 'echo' });
  const frame = `
${waypointManifests('shop', '$ADDRESS')}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: app, namespace: shop }
spec: { address: ${host}, labels: { app: app } }
`;
  const all = Object.entries(services).flatMap(([name, written], index) => [
    `
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop }
spec: { clusterIP: 10.5.0.${index + 1}, selector: { app: app }, ports: [{ name: http, port: 80, targetPort: 8080 }] }
`,
    ...(written === '' ? [] : [written]),
  ]);
  waypoint = await startWaypoint([frame, ...all].join('---'), { takesErrors: true });
}, 60_000);

afterAll(async () => {
  await waypoint.stop();
  await echo.close();
});

async function ask(service: string, path = '/', token?: string): Promise<number> {
  const headers: Readonly<Record<string, string>> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const { status } = await waypoint.request('client', `10.5.0.${names.indexOf(service) + 1}:80`, { path, headers });
  return status;
}

describe('where a RequestAuthentication cannot be read', () => {
  it('nobody passes, with or without a token, whether or not a policy asks for one', async () => {
    expect(await ask('tokens-spoilt')).toBe(403);
    expect(await ask('tokens-spoilt', '/', issuer.sign())).toBe(403);
    expect(await ask('verified-spoilt')).toBe(403);
    expect(await ask('verified-spoilt', '/', createIssuer(issuer.issuer).sign())).toBe(403);
  });

  it('others go on as before', async () => {
    expect(await ask('tokens-good')).toBe(403);
    expect(await ask('tokens-good', '/', issuer.sign())).toBe(200);
  });
});

it('where an AuthorizationPolicy cannot be read nobody passes, and others go on as before', async () => {
  expect(await ask('policy-spoilt')).toBe(403);
  expect(await ask('policy-spoilt', '/admin')).toBe(403);
  expect(await ask('policy-good')).toBe(200);
  expect(await ask('policy-good', '/admin')).toBe(403);
});

it('where a BackendTLSPolicy cannot be read nothing is sent, and others go on as before', async () => {
  const before = echo.requests().length;
  expect(await ask('tls-spoilt')).toBe(503);
  expect(echo.requests()).toHaveLength(before);
  expect(await ask('tls-none')).toBe(200);
  expect(echo.requests()).toHaveLength(before + 1);
});
