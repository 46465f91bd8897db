// What an edit of MeshConfig's access log costs today: the listener that takes HBONE is replaced, so connections that are kept end with
// the drain time, requests on them are served until then, and new ones are served all along. An edit of anything else costs nothing of it.

import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { AnyMeshObject } from '../../mesh/index.ts';
import { randomLoopback, waitUntil } from '../support/envoy.ts';
import { type HboneConnection, requestThrough } from '../support/hbone-client.ts';
import { type ServedWaypoint, startServedWaypoint } from '../support/served-waypoint.ts';
import { type EchoWorkload, startEcho } from '../support/workload.ts';

/** 45 s in a cluster. */
const drainSeconds = 4;
const workload = randomLoopback();

const make = (kind: AnyMeshObject['kind'], namespace: string, name: string, spec: unknown, more = {}): AnyMeshObject =>
  ({
    apiVersion: 'v1',
    kind,
    metadata: { name, namespace, labels: {}, annotations: {}, ...more },
    spec,
  }) as AnyMeshObject;

const meshConfig = (spec: object): AnyMeshObject => make('MeshConfig', 'istio-system', 'istio', spec);

let waypoint: ServedWaypoint;
let echo: EchoWorkload;

beforeAll(async () => {
  const host = randomLoopback();
  echo = await startEcho(workload, 8080, { name: 'web' });
  const ports = [{ name: 'http', port: 80, targetPort: 8080 }];
  const objects = [
    make('Namespace', '', 'bench', {}, { labels: { 'istio.io/use-waypoint': 'waypoint' } }),
    make(
      'Gateway',
      'bench',
      'waypoint',
      { gatewayClassName: 'istio-waypoint', listeners: [{ name: 'mesh', port: 15008, protocol: 'HBONE' }] },
      { annotations: { 'cairn.dev/listen-address': host } },
    ),
    make('Service', 'bench', 'web', { clusterIP: '10.9.0.1', selector: { app: 'web' }, ports }),
    make('WorkloadEntry', 'bench', 'web', { address: workload, labels: { app: 'web' } }),
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

/** How long a kept connection lives on after an edit, in seconds; undefined when it outlives the drain time. */
async function measure(edit: AnyMeshObject): Promise<number | undefined> {
  const kept = await waypoint.connectAs('client');
  expect(await ask(kept)).toBe(200);
  const began = performance.now();
  waypoint.apply([{ type: 'put', object: edit }]);
  await waypoint.synced();
  const fresh = await waypoint.connectAs('other');
  expect(await ask(fresh)).toBe(200);
  await fresh.close();
  const end = began + (drainSeconds + 4) * 1_000;
  while (!kept.closed() && performance.now() < end) await sleep(50);
  const lived = (performance.now() - began) / 1_000;
  const isClosed = kept.closed();
  await kept.close();
  return isClosed ? lived : undefined;
}

it('an edit of the access log ends kept connections with the drain time', async () => {
  const lived = await measure(meshConfig({ accessLogFile: '/dev/stdout', accessLogFormat: '%PROTOCOL%\n' }));
  expect(lived).toBeLessThan(drainSeconds + 3);
  await waitUntil('the new format', async () => {
    const dump = await waypoint.envoy.adminGet('/config_dump?resource=dynamic_listeners&name_regex=connect_terminate');
    return dump.includes('PROTOCOL') && !dump.includes('draining_state');
  });
}, 30_000);

it('an edit of something else that MeshConfig says ends none', async () => {
  const log = { accessLogFile: '/dev/stdout', accessLogFormat: '%PROTOCOL%\n' };
  expect(await measure(meshConfig({ ...log, defaultHttpRetryPolicy: { attempts: 7 } }))).toBeUndefined();
}, 30_000);
