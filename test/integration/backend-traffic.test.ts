// XBackendTrafficPolicy on a real Envoy: retries stop when the budget is spent, and a client that
// sends its session stays at its endpoint. Each has its opposite, a service without a policy.

import { afterAll, beforeAll, expect, it } from 'vitest';
import { randomLoopback } from '../support/envoy.ts';
import { waypointManifests } from '../support/mesh.ts';
import { startWaypoint, type TestWaypoint } from '../support/waypoint.ts';
import { type EchoedRequest, type EchoWorkload, startEcho } from '../support/workload.ts';

const hosts = Array.from({ length: 2 }, randomLoopback);
const failing = randomLoopback();
const echoes: EchoWorkload[] = [];
let waypoint: TestWaypoint;
let failures = 0;

const serviceOf = (name: string, address: string, app: string): string => `---
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop }
spec: { clusterIP: ${address}, selector: { app: ${app} }, ports: [{ name: http, port: 80, targetPort: 8080 }] }
`;

const retriedOnce = (name: string): string => `---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: ${name}, namespace: shop }
spec:
  parentRefs: [{ group: '', kind: Service, name: ${name} }]
  rules: [{ retry: { codes: [503], attempts: 1 }, backendRefs: [{ name: ${name}, port: 80 }] }]
`;

const policyOf = (name: string, spec: string): string => `---
apiVersion: gateway.networking.x-k8s.io/v1alpha1
kind: XBackendTrafficPolicy
metadata: { name: ${name}, namespace: shop }
spec: { targetRefs: [{ group: '', kind: Service, name: ${name} }], ${spec} }
`;

const workloadOf = (name: string, address: string, app: string): string => `---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: ${name}, namespace: shop }
spec: { address: ${address}, labels: { app: ${app} } }
`;

beforeAll(async () => {
  waypoint = await startWaypoint(`
${waypointManifests('shop', '$ADDRESS')}
${hosts.map((address, index) => workloadOf(`w-${index}`, address, 'app')).join('')}
${workloadOf('failing', failing, 'failing')}
${serviceOf('anywhere', '10.7.1.1', 'app')}
${serviceOf('sticky', '10.7.1.2', 'app')}
${policyOf('sticky', 'sessionPersistence: { sessionName: stay }')}
${serviceOf('unlimited', '10.7.1.3', 'failing')}
${retriedOnce('unlimited')}
${serviceOf('limited', '10.7.1.4', 'failing')}
${retriedOnce('limited')}
${policyOf('limited', 'retryConstraint: { budget: { percent: 0 }, minRetryRate: { count: 1 } }')}
`);
  for (const [index, host] of hosts.entries()) echoes.push(await startEcho(host, 8080, { name: `w-${index}` }));
  const reply = (): { status: number; delayMs: number } => {
    failures += 1;
    return { status: 503, delayMs: 500 };
  };
  echoes.push(await startEcho(failing, 8080, { name: 'failing', reply }));
}, 60_000);

afterAll(async () => {
  await waypoint.stop();
  for (const each of echoes) await each.close();
});

/** The endpoints that answer many requests, and the cookies that they set. */
async function askOften(
  target: string,
  headers: Readonly<Record<string, string>>,
): Promise<{ readonly names: ReadonlySet<string>; readonly cookies: readonly string[] }> {
  const names = new Set<string>();
  const cookies: string[] = [];
  for (let count = 0; count < 30; count += 1) {
    const answer = await waypoint.request('client', target, { path: '/', headers });
    names.add((JSON.parse(answer.body) as EchoedRequest).name);
    cookies.push(...[answer.headers['set-cookie'] ?? []].flat());
  }
  return { names, cookies };
}

/** The requests that reach the endpoint when so many clients ask at once. */
async function countAttempts(target: string, clients: number): Promise<number> {
  failures = 0;
  const answers = await Promise.all(
    Array.from({ length: clients }, () => waypoint.request('client', target, { path: '/' })),
  );
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 503));
  return failures;
}

it('a client with the cookie of a service stays where it was, and one without goes anywhere', async () => {
  const without = await askOften('10.7.1.2:80', {});
  expect(without.names.size).toBe(2);
  const [cookie = ''] = without.cookies;
  expect(cookie).toMatch(/^stay=/);
  const [pair = ''] = cookie.split(';');
  expect((await askOften('10.7.1.2:80', { cookie: pair })).names.size).toBe(1);
});

it('a service without a policy has no session', async () => {
  const { names, cookies } = await askOften('10.7.1.1:80', {});
  expect([names.size, cookies]).toEqual([2, []]);
});

it('retries stop when the budget is spent, and without a budget every request is retried', async () => {
  expect(await countAttempts('10.7.1.3:80', 8)).toBe(16);
  const limited = await countAttempts('10.7.1.4:80', 8);
  // Of retries at once one is allowed; a client that was slower may find it free again.
  expect(limited).toBeGreaterThan(8);
  expect(limited).toBeLessThan(12);
});
