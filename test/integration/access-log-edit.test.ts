// An edit ends no connection and no tunnel, and no count falls: neither an edit of what all
// services share, the access log and what paths mean, nor one of a service. A client that is gone
// counts as one that stays. docs/reference/metrics.md says the same.

import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { AnyMeshObject } from '../../mesh/index.ts';
import { randomLoopback } from '../support/envoy.ts';
import { type HboneConnection, requestThrough } from '../support/hbone-client.ts';
import { makeObject, makeWaypoint } from '../support/objects.ts';
import { type ServedWaypoint, startServedWaypoint } from '../support/served-waypoint.ts';
import { waitFor } from '../support/wait.ts';
import { type EchoWorkload, startEcho } from '../support/workload.ts';

/** 45 s in a cluster. */
const drainSeconds = 4;
const workload = randomLoopback();

const meshConfig = (spec: object): AnyMeshObject => makeObject('MeshConfig', 'istio-system', 'istio', spec);

const service = (name: string, clusterIP: string): AnyMeshObject =>
  makeObject('Service', 'bench', name, {
    clusterIP,
    selector: { app: 'web' },
    ports: [{ name: 'http', port: 80, targetPort: 8080 }],
  });

const policy = (operation: object): AnyMeshObject =>
  makeObject('AuthorizationPolicy', 'bench', 'web', {
    targetRefs: [{ group: '', kind: 'Service', name: 'web' }],
    rules: [{ to: [{ operation }] }],
  });

let waypoint: ServedWaypoint;
let echo: EchoWorkload;

beforeAll(async () => {
  const host = randomLoopback();
  echo = await startEcho(workload, 8080, { name: 'web' });
  const objects = [
    ...makeWaypoint('bench', host),
    service('web', '10.9.0.1'),
    policy({ methods: ['GET', 'PUT'] }),
    makeObject('WorkloadEntry', 'bench', 'web', { address: workload, labels: { app: 'web' } }),
    meshConfig({ accessLogFile: '/dev/stdout' }),
  ];
  waypoint = await startServedWaypoint(objects, host, {
    args: ['--drain-time-s', String(drainSeconds), '--file-flush-interval-msec', '50'],
  });
  await waypoint.synced();
}, 90_000);

afterAll(async () => {
  await waypoint.stop();
  await echo.close();
});

async function ask(connection: HboneConnection): Promise<number> {
  return (await requestThrough(await connection.connect('10.9.0.1:80'), { path: '/', timeout: 5_000 })).status;
}

/** Counters, and how much histograms have counted, by name and labels as Prometheus reads them. */
async function readCounts(): Promise<ReadonlyMap<string, number>> {
  const text = await waypoint.envoy.adminGet('/stats/prometheus?usedonly');
  const types = new Map([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name, type]));
  const samples = [...text.matchAll(/^([a-z_]\w*)(\{.*\})? (\d+)$/gm)].map(([, name = '', labels = '', value]) => ({
    name,
    key: `${name}${labels}`,
    value: Number(value),
  }));
  const isCount = (name: string): boolean =>
    types.get(name) === 'counter' || types.get(name.replace(/_count$/, '')) === 'histogram';
  return new Map(samples.filter(({ name }) => isCount(name)).map(({ key, value }) => [key, value]));
}

/** Counters that fell or are gone: request metrics by the client that they are about. */
async function listFallen(before: ReadonlyMap<string, number>): Promise<readonly string[]> {
  const now = await readCounts();
  return [...before]
    .filter(([key, value]) => (now.get(key) ?? 0) < value)
    .map(([key]) => key.replace(/^envoy_istio_(\w+)\{.*source_principal="[^"]*\/sa\/(\w+)".*/, '$1 of $2'))
    .sort();
}

/**
 * Once requests of these clients have been counted, in histograms too, which Envoy sums up every 5
 * s.
 */
async function countRequestsOf(...clients: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const areCounted = async (): Promise<ReadonlyMap<string, number> | false> => {
    const counts = await readCounts();
    const keys = [...counts.keys()].filter((key) => key.includes('milliseconds_count'));
    return clients.every((client) => keys.some((key) => key.includes(`/sa/${client}"`))) && counts;
  };
  return waitFor(areCounted, { what: 'the histograms' });
}

/**
 * Whether a kept connection and a tunnel in it outlive the drain time after an edit, and which
 * counts fell by then.
 */
async function measure(...edits: readonly AnyMeshObject[]): Promise<{
  readonly isConnectionKept: boolean;
  readonly isTunnelKept: boolean;
  readonly fallen: readonly string[];
}> {
  const gone = await waypoint.connectAs('gone');
  expect(await ask(gone)).toBe(200);
  await gone.close();
  const kept = await waypoint.connectAs('kept');
  const tunnel = await kept.connect('10.9.0.1:80');
  let isEnded = false;
  tunnel.on('end', () => (isEnded = true)).on('close', () => (isEnded = true));
  expect((await requestThrough(tunnel, { path: '/' })).status).toBe(200);
  const before = await countRequestsOf('gone', 'kept');
  waypoint.apply(edits.map((object) => ({ type: 'put', object })));
  await waypoint.synced();
  const fresh = await waypoint.connectAs('fresh');
  expect(await ask(fresh)).toBe(200);
  await sleep((drainSeconds + 2) * 1_000);
  expect(await waypoint.envoy.stat('listener_manager.total_listeners_draining')).toBe(0);
  const result = { isConnectionKept: !kept.closed(), isTunnelKept: !isEnded, fallen: await listFallen(before) };
  await Promise.all([kept, fresh].map((connection) => connection.close()));
  return result;
}

const log = { accessLogFile: '/dev/stdout', accessLogFormat: '%PROTOCOL%\n' };
const nothing = { isConnectionKept: true, isTunnelKept: true, fallen: [] };

it('an edit of the access log costs nothing, and comes into force', async () => {
  expect(await measure(meshConfig(log))).toEqual(nothing);
  expect(waypoint.envoy.logs()).toMatch(/^HTTP\/1\.1$/m);
}, 40_000);

it('nor does one of what paths mean', async () => {
  const edit = meshConfig({ ...log, pathNormalization: { normalization: 'MERGE_SLASHES' } });
  expect(await measure(edit)).toEqual(nothing);
}, 40_000);

it('nor do edits of something else that MeshConfig says, of services and policies', async () => {
  const edits = [
    meshConfig({ ...log, defaultHttpRetryPolicy: { attempts: 7 } }),
    service('more', '10.9.0.2'),
    policy({ methods: ['GET'] }),
  ];
  expect(await measure(...edits)).toEqual(nothing);
}, 40_000);
