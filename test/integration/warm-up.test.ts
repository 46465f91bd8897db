// Warm-up on a real Envoy: a workload that comes to others gets less than its share at first.
// Beside it a service without warm-up, where it gets all of it at once.

import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type AnyMeshObject, parseManifest } from '../../mesh/index.ts';
import { randomLoopback } from '../support/envoy.ts';
import { requestThrough } from '../support/hbone-client.ts';
import { waypointManifests } from '../support/mesh.ts';
import { type ServedWaypoint, startServedWaypoint } from '../support/served-waypoint.ts';
import { waitFor } from '../support/wait.ts';
import { type EchoedRequest, type EchoWorkload, startEcho } from '../support/workload.ts';

const [host, old, young] = [randomLoopback(), randomLoopback(), randomLoopback()];
const targets = { warm: '10.6.0.1', cold: '10.6.0.2' } as const;
const workloads: EchoWorkload[] = [];
let waypoint: ServedWaypoint;

function read(text: string): readonly AnyMeshObject[] {
  const { objects, findings } = parseManifest('', text);
  expect(findings).toEqual([]);
  return objects;
}

const entryOf = (name: string, address: string): string => `
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: ${name}, namespace: bench }
spec: { address: ${address}, labels: { app: app } }
`;

const serviceOf = (name: keyof typeof targets): string => `
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: bench }
spec: { clusterIP: ${targets[name]}, selector: { app: app }, ports: [{ name: http, port: 80, targetPort: 8080 }] }
`;

beforeAll(async () => {
  workloads.push(await startEcho(old, 8080, { name: 'old' }), await startEcho(young, 8080, { name: 'young' }));
  const manifests = [
    `
${waypointManifests('bench', host)}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: warm, namespace: bench }
spec:
  host: warm
  trafficPolicy: { loadBalancer: { simple: ROUND_ROBIN, warmup: { duration: 60s, minimumPercent: 1 } } }
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: cold, namespace: bench }
spec: { host: cold, trafficPolicy: { loadBalancer: { simple: ROUND_ROBIN } } }
`,
    serviceOf('warm'),
    serviceOf('cold'),
    entryOf('old', old),
  ];
  waypoint = await startServedWaypoint(read(manifests.join('---')), host, { concurrency: 1 });
  await waypoint.synced();
}, 90_000);

afterAll(async () => {
  await waypoint.stop();
  for (const workload of workloads) await workload.close();
});

/** Which part of a number of requests the young workload got. */
async function shareOf(service: keyof typeof targets, count: number): Promise<number> {
  const connection = await waypoint.connectAs('client');
  let got = 0;
  for (let index = 0; index < count; index++) {
    const stream = await connection.connect(`${targets[service]}:80`);
    const { status, body } = await requestThrough(stream, { path: '/' });
    expect(status).toBe(200);
    if ((JSON.parse(body) as EchoedRequest).name === 'young') got += 1;
  }
  await connection.close();
  return got / count;
}

it('gives a workload that comes to others a part of its share, and without it the whole of it at once', async () => {
  expect(await shareOf('warm', 5)).toBe(0);
  // A fifth of the time of warming up, so that the one is so much warmer than the other.
  await sleep(12_000);
  waypoint.apply(read(entryOf('young', young)).map((object) => ({ type: 'put', object })));
  await waypoint.synced();
  const [warm, cold] = [await shareOf('warm', 60), await shareOf('cold', 60)];
  expect(cold).toBeGreaterThan(0.45);
  expect(warm).toBeLessThan(0.35);
  await waitFor(async () => (await shareOf('warm', 20)) > 0, { what: 'some of it', timeout: 30_000 });
}, 90_000);
