// The effect of MeshConfig, on a real Envoy: beside a waypoint of a mesh with a setting, one of a
// mesh without it.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomLoopback } from '../support/envoy.ts';
import { waypointManifests } from '../support/mesh.ts';
import { waitFor } from '../support/wait.ts';
import { startWaypoint, type TestWaypoint } from '../support/waypoint.ts';
import { type EchoWorkload, startEcho } from '../support/workload.ts';

const [good, bad] = [randomLoopback(), randomLoopback()];
const config = `---
apiVersion: v1
kind: ConfigMap
metadata: { name: istio, namespace: istio-system }
data:
  mesh: |
    accessLogFile: /dev/stdout
    accessLogEncoding: JSON
    accessLogFormat: '{ "asked": "%REQ(:PATH)%", "as": "%REQ(X-MARK)%" }'
    defaultHttpRetryPolicy: { attempts: 2, retryOn: '418', backoff: 1ms }
    defaultTrafficPolicy:
      outlierDetection: { consecutive5xxErrors: 1, baseEjectionTime: 1h, maxEjectionPercent: 100 }
`;
let spoken: TestWaypoint;
let silent: TestWaypoint;
const workloads: EchoWorkload[] = [];
const attempts = new Map<string, number>();

const services: Readonly<Record<string, readonly string[]>> = { one: [good], two: [good, bad], own: [good, bad] };

function serviceOf(name: string, index: number): string {
  const entries = (services[name] ?? []).map(
    (address, at) => `---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: ${name}-${at}, namespace: shop }
spec: { address: ${address}, labels: { app: ${name} } }
`,
  );
  return `---
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop }
spec: { clusterIP: 10.8.0.${index + 1}, selector: { app: ${name} }, ports: [{ name: http, port: 80, targetPort: 8080 }] }
${entries.join('')}`;
}

const manifests = `
${waypointManifests('shop', '$ADDRESS')}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: own, namespace: shop }
spec: { host: own, trafficPolicy: { outlierDetection: { consecutive5xxErrors: 1000 } } }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: one, namespace: shop }
spec:
  hosts: [one]
  http:
    - match: [{ uri: { prefix: /own } }]
      retries: { attempts: 1, retryOn: '409', backoff: 1ms }
      route: [{ destination: { host: one } }]
    - route: [{ destination: { host: one } }]
${Object.keys(services).map(serviceOf).join('')}`;

beforeAll(async () => {
  workloads.push(
    await startEcho(good, 8080, {
      name: 'good',
      reply: ({ headers: list }) => {
        const headers = new Map(list.map(([name, value]) => [name.toLowerCase(), value]));
        const mark = headers.get('x-mark') ?? '';
        const attempt = (attempts.get(mark) ?? 0) + 1;
        attempts.set(mark, attempt);
        return attempt === 1 && headers.has('x-first') ? { status: Number(headers.get('x-first')) } : {};
      },
    }),
    await startEcho(bad, 8080, { name: 'bad', reply: () => ({ status: 500 }) }),
  );
  spoken = await startWaypoint(`${manifests}${config}`);
  silent = await startWaypoint(manifests);
}, 120_000);

afterAll(async () => {
  await spoken.stop();
  await silent.stop();
  for (const workload of workloads) await workload.close();
});

let asked = 0;

/** The status of a request, and how often the application was asked. */
async function ask(
  waypoint: TestWaypoint,
  path: string,
  first: number,
): Promise<{ readonly status: number; readonly attempts: number }> {
  const mark = `mark-${asked++}`;
  const target = `10.8.0.${Object.keys(services).indexOf('one') + 1}:80`;
  const headers = { 'x-mark': mark, 'x-first': String(first) };
  const { status } = await waypoint.request('client', target, { path, headers });
  return { status, attempts: attempts.get(mark) ?? 0 };
}

/** The statuses of several requests to a service. */
async function statuses(waypoint: TestWaypoint, service: string, count: number): Promise<readonly number[]> {
  const target = `10.8.0.${Object.keys(services).indexOf(service) + 1}:80`;
  const answers: number[] = [];
  for (let index = 0; index < count; index++) {
    answers.push((await waypoint.request('client', target, { path: '/' })).status);
  }
  return answers;
}

describe('retries', () => {
  it('of the mesh are for routes that say nothing of them', async () => {
    expect(await ask(spoken, '/', 418)).toEqual({ status: 200, attempts: 2 });
  });

  it('of the mesh are not for routes with their own, and not for other meshes', async () => {
    expect(await ask(spoken, '/own', 418)).toEqual({ status: 418, attempts: 1 });
    expect(await ask(spoken, '/own', 409)).toEqual({ status: 200, attempts: 2 });
    expect(await ask(silent, '/', 418)).toEqual({ status: 418, attempts: 1 });
  });
});

describe('outlier detection', () => {
  it('of the mesh takes out who fails', async () => {
    await waitFor(async () => (await statuses(spoken, 'two', 8)).every((status) => status === 200), {
      what: 'the workload that fails is out',
    });
  });

  it('is not for services with their own, and not for other meshes', async () => {
    expect(await statuses(spoken, 'own', 20)).toContain(500);
    await statuses(spoken, 'own', 20);
    expect(await statuses(spoken, 'own', 20)).toContain(500);
    await statuses(silent, 'two', 20);
    expect(await statuses(silent, 'two', 20)).toContain(500);
  });
});

describe('the access log', () => {
  it('is written in the format of the mesh', async () => {
    await spoken.request('client', '10.8.0.1:80', { path: '/logged', headers: { 'x-mark': 'so' } });
    const line = await waitFor(
      () =>
        spoken.envoy
          .logs()
          .split('\n')
          .find((each) => each.includes('/logged')),
      { what: 'the request is in the log' },
    );
    expect(JSON.parse(line)).toEqual({ asked: '/logged', as: 'so' });
  });

  it('has another format where the mesh says nothing', async () => {
    await silent.request('client', '10.8.0.1:80', { path: '/logged', headers: { 'x-mark': 'so' } });
    const line = await waitFor(
      () =>
        silent.envoy
          .logs()
          .split('\n')
          .find((each) => each.includes('/logged')),
      { what: 'the request is in the log' },
    );
    expect(Object.keys(JSON.parse(line) as object)).not.toContain('asked');
  });
});
