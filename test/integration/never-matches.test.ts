// A condition that is reported as never matching does not match: on a real Envoy, each beside the
// request that comes nearest to it.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { analyzeMesh } from '../../generator/index.ts';
import { formatPath } from '../../mesh/index.ts';
import { randomLoopback } from '../support/envoy.ts';
import type { HttpRequest } from '../support/hbone-client.ts';
import { readMesh, waypointManifests } from '../support/mesh.ts';
import { startWaypoint, type TestWaypoint } from '../support/waypoint.ts';
import { type EchoWorkload, startEcho } from '../support/workload.ts';

const workloadAddress = randomLoopback();

/** Conditions of VirtualServices that nothing meets. */
const matches: readonly (readonly [match: object, nearest: HttpRequest])[] = [
  [{ uri: { exact: 'admin' } }, { path: '/admin' }],
  [{ uri: { prefix: 'admin' } }, { path: '/admin' }],
  [{ uri: { exact: '/q?x=1' } }, { path: '/q?x=1' }],
  [{ uri: { prefix: '/q#x' } }, { path: '/q%23x' }],
  [{ uri: { exact: '/a b' } }, { path: '/a%20b' }],
  [{ uri: { prefix: '/api/*' } }, { path: '/api/x' }],
  [{ uri: { regex: 'api/.*' } }, { path: '/api/x' }],
  [{ uri: { regex: '/q\\?x=.*' } }, { path: '/q?x=1' }],
  [{ method: { exact: 'get' } }, { path: '/method' }],
  [{ scheme: { exact: 'HTTP' } }, { path: '/scheme' }],
  [{ authority: { exact: 'http://web' } }, { path: '/', headers: { host: 'web' } }],
  [{ headers: { 'x y': {} } }, { path: '/', headers: { 'x-y': 'a' } }],
  [{ headers: { ':status': {} } }, { path: '/' }],
  [{ headers: { 'x-a': { exact: ' a' } } }, { path: '/', headers: { 'x-a': ' a' } }],
  [{ headers: { 'x-a': { exact: 'a ' } } }, { path: '/', headers: { 'x-a': 'a ' } }],
  [{ queryParams: { a: { exact: 'b c' } } }, { path: '/?a=b%20c' }],
  [{ queryParams: { a: { exact: 'b c' } } }, { path: '/?a=b+c' }],
  [{ queryParams: { a: { exact: 'b&c' } } }, { path: '/?a=b%26c' }],
  [{ queryParams: { 'a b': {} } }, { path: '/?a%20b=c' }],
  [{ port: 8080 }, { path: '/port' }],
];

/** Operations and conditions of denials that nothing meets. */
const denials: readonly (readonly [rule: object, nearest: HttpRequest])[] = [
  [{ to: [{ operation: { paths: ['admin'] } }] }, { path: '/admin' }],
  [{ to: [{ operation: { paths: ['/api/.*'] } }] }, { path: '/api/x' }],
  [{ to: [{ operation: { methods: ['get'] } }] }, { path: '/' }],
  [{ to: [{ operation: { hosts: ['http://web'] } }] }, { path: '/', headers: { host: 'web' } }],
  [{ to: [{ operation: { ports: ['8080'] } }] }, { path: '/' }],
  [{ from: [{ source: { principals: ['client'] } }] }, { path: '/' }],
  [{ from: [{ source: { principals: ['cluster.local/ns/shop/client'] } }] }, { path: '/' }],
  [{ from: [{ source: { namespaces: ['Shop'] } }] }, { path: '/' }],
  [{ from: [{ source: { trustDomains: ['other.example'] } }] }, { path: '/' }],
  [{ from: [{ source: { ipBlocks: ['::ffff:127.0.0.0/104'] } }] }, { path: '/' }],
  [{ when: [{ key: 'request.headers[:status]', values: ['*'] }] }, { path: '/' }],
  [{ to: [{ operation: { paths: ['/a'], notPaths: ['/a*'] } }] }, { path: '/a' }],
];

const routed = 299;
const service = (name: string, index: number): string => `
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop }
spec: { clusterIP: 10.0.1.${index + 1}, selector: { app: echo }, ports: [{ name: http, port: 80, targetPort: 8080 }] }
---`;
const manifests = `
${waypointManifests('shop', '$ADDRESS')}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: echo, namespace: shop }
spec: { address: ${workloadAddress}, labels: { app: echo }, serviceAccount: client }
---${matches
  .map(
    ([match], index) => `${service(`match-${index}`, index)}
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: match-${index}, namespace: shop }
spec: ${JSON.stringify({
      hosts: [`match-${index}`],
      http: [
        { match: [match], directResponse: { status: routed } },
        { route: [{ destination: { host: `match-${index}` } }] },
      ],
    })}
---`,
  )
  .join('')}${denials
  .map(
    ([rule], index) => `${service(`deny-${index}`, 100 + index)}
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: deny-${index}, namespace: shop }
spec: ${JSON.stringify({
      targetRefs: [{ kind: 'Service', group: '', name: `deny-${index}` }],
      action: 'DENY',
      rules: [rule],
    })}
---`,
  )
  .join('')}
`;

const { store } = readMesh({ 'test.yaml': manifests.replaceAll('$ADDRESS', randomLoopback()) });
const findings = analyzeMesh(store).filter(({ code }) => code === 'NeverMatches');
const saysOf = (name: string): readonly string[] =>
  findings.filter(({ ref }) => ref.name === name).map(({ severity, path }) => `${severity} ${formatPath(path)}`);

let waypoint: TestWaypoint;
let echo: EchoWorkload;
beforeAll(async () => {
  echo = await startEcho(workloadAddress, 8080, { name: 'echo' });
  waypoint = await startWaypoint(manifests);
}, 60_000);
afterAll(async () => {
  await waypoint.stop();
  await echo.close();
});

describe('a match', () => {
  it.each(matches.map(([match, nearest], index) => [JSON.stringify(match), nearest, index] as const))(
    '%s',
    async (_, nearest, index) => {
      expect(saysOf(`match-${index}`)).toEqual([expect.stringMatching(/^warning spec\.http\[0\]\.match\[0\]/)]);
      expect((await waypoint.request('client', `10.0.1.${index + 1}:80`, nearest)).status).toBe(200);
    },
  );
});

describe('a denial', () => {
  it.each(denials.map(([rule, nearest], index) => [JSON.stringify(rule), nearest, index] as const))(
    '%s',
    async (_, nearest, index) => {
      expect(saysOf(`deny-${index}`)).toEqual([expect.stringMatching(/^error spec\.rules\[0\]/)]);
      expect((await waypoint.request('client', `10.0.1.${100 + index + 1}:80`, nearest)).status).toBe(200);
    },
  );
});
