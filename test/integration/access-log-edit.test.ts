// The cost of an edit of MeshConfig's access log: Envoy replaces the listener that takes HBONE.
// Kept connections end with the drain time, their requests are served until then, and new
// connections are served all along. Envoy forgets the request metrics of clients that ask for
// nothing in that time. An edit of what paths mean replaces the chains of ports: tunnels to them
// end in the same way, and the connections that carry tunnels stay. Edits of anything else cost
// nothing of it. docs/reference/metrics.md says the same.

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
  waypoint = await startServedWaypoint(objects, host, { args: ['--drain-time-s', String(drainSeconds)] });
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

const forgotten = ['istio_request_duration_milliseconds_count of client', 'istio_requests_total of client'];

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
 * How long a kept connection lives on after an edit, in seconds, undefined when it outlives the
 * drain time; whether a tunnel in it does; and which counts fell by then.
 */
async function measure(
  ...edits: readonly AnyMeshObject[]
): Promise<{ readonly lived?: number; readonly isTunnelKept: boolean; readonly fallen: readonly string[] }> {
  const kept = await waypoint.connectAs('client');
  const steady = await waypoint.connectAs('steady');
  const tunnel = await kept.connect('10.9.0.1:80');
  let isEnded = false;
  tunnel.on('end', () => (isEnded = true)).on('close', () => (isEnded = true));
  expect([(await requestThrough(tunnel, { path: '/' })).status, await ask(steady)]).toEqual([200, 200]);
  const before = await countRequestsOf('client', 'steady');
  const began = performance.now();
  waypoint.apply(edits.map((object) => ({ type: 'put', object })));
  await waypoint.synced();
  const fresh = await waypoint.connectAs('steady');
  expect([await ask(steady), await ask(fresh)]).toEqual([200, 200]);
  const isClosed = await waitFor(() => kept.closed(), { timeout: (drainSeconds + 4) * 1_000 }).catch(() => false);
  const lived = (performance.now() - began) / 1_000;
  const draining = 'listener_manager.total_listeners_draining';
  await waitFor(async () => (await waypoint.envoy.stat(draining)) === 0, { what: 'the end of draining' });
  await sleep(1_000);
  const fallen = await listFallen(before);
  const isTunnelKept = !isEnded;
  await Promise.all([kept, steady, fresh].map((connection) => connection.close()));
  return { ...(isClosed ? { lived } : {}), isTunnelKept, fallen };
}

const log = { accessLogFile: '/dev/stdout', accessLogFormat: '%PROTOCOL%\n' };

it('an edit of the access log ends kept connections with the drain time, and forgets who asked for nothing in it', async () => {
  const { lived, fallen } = await measure(meshConfig(log));
  expect(lived).toBeLessThan(drainSeconds + 3);
  expect(fallen).toEqual(forgotten);
  const dump = await waypoint.envoy.adminGet('/config_dump?resource=dynamic_listeners&name_regex=connect_terminate');
  expect(dump).toContain('PROTOCOL');
}, 40_000);

it('edits of something else that MeshConfig says, of services and policies end no connection, and no count falls', async () => {
  const edits = [
    meshConfig({ ...log, defaultHttpRetryPolicy: { attempts: 7 } }),
    service('more', '10.9.0.2'),
    policy({ methods: ['GET'] }),
  ];
  expect(await measure(...edits)).toEqual({ isTunnelKept: true, fallen: [] });
}, 40_000);

it('an edit of what paths mean ends tunnels, though not their connection, and forgets in the same way', async () => {
  const edit = meshConfig({ ...log, pathNormalization: { normalization: 'MERGE_SLASHES' } });
  expect(await measure(edit)).toEqual({ isTunnelKept: false, fallen: forgotten });
}, 40_000);
