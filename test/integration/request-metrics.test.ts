// Request metrics of a client that asks for nothing any more do not stay in Envoy for good. In a
// proxy they go after a day, here after seconds.

import { afterAll, beforeAll, it } from 'vitest';
import { randomLoopback } from '../support/envoy.ts';
import { requestThrough } from '../support/hbone-client.ts';
import { makeObject, makeWaypoint } from '../support/objects.ts';
import { type ServedWaypoint, startServedWaypoint } from '../support/served-waypoint.ts';
import { waitFor } from '../support/wait.ts';
import { type EchoWorkload, startEcho } from '../support/workload.ts';

const workload = randomLoopback();
let waypoint: ServedWaypoint;
let echo: EchoWorkload;

beforeAll(async () => {
  const host = randomLoopback();
  echo = await startEcho(workload, 8080, { name: 'web' });
  const objects = [
    ...makeWaypoint('bench', host),
    makeObject('Service', 'bench', 'web', {
      clusterIP: '10.9.0.1',
      selector: { app: 'web' },
      ports: [{ name: 'http', port: 80, targetPort: 8080 }],
    }),
    makeObject('WorkloadEntry', 'bench', 'web', { address: workload, labels: { app: 'web' } }),
  ];
  waypoint = await startServedWaypoint(objects, host, { evictionInterval: '5s' });
  await waypoint.synced();
}, 90_000);

afterAll(async () => {
  await waypoint.stop();
  await echo.close();
});

async function ask(account: string): Promise<void> {
  const connection = await waypoint.connectAs(account);
  await requestThrough(await connection.connect('10.9.0.1:80'), { path: '/' });
  await connection.close();
}

/** The requests of a client, as Envoy has counted them; undefined without a series. */
async function countOf(account: string): Promise<number | undefined> {
  const text = await waypoint.envoy.adminGet('/stats?filter=istio_requests_total');
  const [, count] = new RegExp(String.raw`/sa/${account}\..*: (\d+)$`, 'm').exec(text) ?? [];
  return count === undefined ? undefined : Number(count);
}

it('a series that nobody counts goes, and begins again with the next request', async () => {
  await ask('client');
  await waitFor(async () => (await countOf('client')) === 1, { what: 'the count' });
  await waitFor(async () => (await countOf('client')) === undefined, { what: 'no series', timeout: 30_000 });
  await ask('client');
  await waitFor(async () => (await countOf('client')) === 1, { what: 'the next count' });
}, 60_000);
