// Sessions on a real Envoy: a client that sends its session stays at its endpoint, also if that is
// reached by tunnel.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomLoopback } from '../support/envoy.ts';
import { type HboneServer, startHboneServer } from '../support/hbone-server.ts';
import { waypointManifests } from '../support/mesh.ts';
import { issueTexts } from '../support/test-certificates.ts';
import { startWaypoint, type TestWaypoint } from '../support/waypoint.ts';
import { type EchoedRequest, type EchoWorkload, startEcho } from '../support/workload.ts';

const hosts = Array.from({ length: 4 }, randomLoopback);
const plain = '10.7.0.1:80';
const tunnelled = '10.7.0.2:80';
const echoes: EchoWorkload[] = [];
const tunnels: HboneServer[] = [];
let waypoint: TestWaypoint;

const serviceOf = (name: string, address: string): string => `---
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop }
spec: { clusterIP: ${address}, selector: { app: ${name} }, ports: [{ name: http, port: 80, targetPort: 8080 }] }
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: ${name}, namespace: shop }
spec:
  parentRefs: [{ group: '', kind: Service, name: ${name} }]
  rules:
    - matches: [{ path: { value: /cookie } }]
      sessionPersistence: { cookie: { name: stay } }
      backendRefs: [{ name: ${name}, port: 80 }]
    - matches: [{ path: { value: /hour } }]
      sessionPersistence: { absoluteTimeout: 1h, cookie: { path: /hour, lifetimeType: Permanent } }
      backendRefs: [{ name: ${name}, port: 80 }]
    - matches: [{ path: { value: /header } }]
      sessionPersistence: { type: Header, header: { name: x-stay } }
      backendRefs: [{ name: ${name}, port: 80 }]
    - backendRefs: [{ name: ${name}, port: 80 }]
`;

beforeAll(async () => {
  waypoint = await startWaypoint(`
${waypointManifests('shop', '$ADDRESS')}
${hosts
  .map(
    (address, index) => `---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata:
  name: w-${index}
  namespace: shop
  annotations: { ambient.istio.io/redirection: ${index < 2 ? "'no'" : 'enabled'} }
spec: { address: ${address}, serviceAccount: app, labels: { app: ${index < 2 ? 'plain' : 'tunnelled'} } }
`,
  )
  .join('')}${serviceOf('plain', '10.7.0.1')}${serviceOf('tunnelled', '10.7.0.2')}`);
  const certificate = await issueTexts(waypoint.authority, 'spiffe://cluster.local/ns/shop/sa/app');
  for (const [index, host] of hosts.entries()) {
    echoes.push(await startEcho(host, 8080, { name: `w-${index}` }));
    if (index >= 2) tunnels.push(await startHboneServer(host, certificate));
  }
}, 60_000);

afterAll(async () => {
  await waypoint.stop();
  for (const each of [...echoes, ...tunnels]) await each.close();
});

interface Answer {
  readonly by: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
}

async function ask(target: string, path: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  const answer = await waypoint.request('client', target, { path, headers });
  expect(answer.status).toBe(200);
  const { name } = JSON.parse(answer.body) as EchoedRequest;
  const read = (header: string): string | undefined => [answer.headers[header] ?? []].flat()[0];
  return { by: name, headers: { 'set-cookie': read('set-cookie'), 'x-stay': read('x-stay') } };
}

/** The workloads that answer so many requests that chance leaves none out, each once. */
async function askOften(target: string, path: string, headers?: Readonly<Record<string, string>>): Promise<string[]> {
  const names = new Set<string>();
  for (let count = 0; count < 40; count++) names.add((await ask(target, path, headers)).by);
  return [...names];
}

describe.each([
  ['plain', plain],
  ['tunnelled', tunnelled],
])('endpoints that are %s', (_, target) => {
  it('a client with the cookie that it was given stays where it was', async () => {
    const first = await ask(target, '/cookie');
    const [cookie = ''] = (first.headers['set-cookie'] ?? '').split(';');
    expect(cookie).toMatch(/^stay=/);
    expect(await askOften(target, '/cookie', { cookie })).toEqual([first.by]);
  });

  it('a client with the header that it was given stays where it was', async () => {
    const first = await ask(target, '/header');
    expect(await askOften(target, '/header', { 'x-stay': first.headers['x-stay'] ?? '' })).toEqual([first.by]);
  });

  it('a client without either goes anywhere', async () => {
    expect(await askOften(target, '/cookie')).toHaveLength(2);
    expect(await askOften(target, '/header')).toHaveLength(2);
  });

  it('a cookie means nothing where no session is asked for, and none is given there', async () => {
    const first = await ask(target, '/cookie');
    const [cookie = ''] = (first.headers['set-cookie'] ?? '').split(';');
    expect(await askOften(target, '/', { cookie })).toHaveLength(2);
    expect((await ask(target, '/')).headers).toEqual({ 'set-cookie': undefined, 'x-stay': undefined });
  });
});

it('a permanent cookie has its time and path, and others have none', async () => {
  expect((await ask(plain, '/hour')).headers['set-cookie']).toMatch(
    /^session-shop\.plain\.1=.*Max-Age=3600.*Path=\/hour/,
  );
  const session = (await ask(plain, '/cookie')).headers['set-cookie'];
  expect(session).not.toContain('Max-Age');
  expect(session).toContain('Path=/');
});

it('nobody can name an endpoint that is not of the backend', async () => {
  const elsewhere = Buffer.from(`${hosts[2]}:8080`).toString('base64');
  expect((await ask(plain, '/header', { 'x-stay': elsewhere })).by).toMatch(/^w-[01]$/);
});
