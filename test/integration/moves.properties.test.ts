// Where extension configurations lead moves under traffic: a TCP route, and the authorizer of an
// HTTP service, from one cluster to another that comes and goes with it. No connection and no
// request may notice, on a real Envoy that takes each change by delta ADS.

import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AnyMeshObject } from '../../mesh/index.ts';
import { startHttpAuthorizer, type TestAuthorizer } from '../support/authorizers.ts';
import { countOf } from '../support/counts.ts';
import { randomLoopback } from '../support/envoy.ts';
import { type HboneConnection, requestThrough } from '../support/hbone-client.ts';
import { makeObject, makeServed, makeWaypoint } from '../support/objects.ts';
import { type ServedWaypoint, startServedWaypoint } from '../support/served-waypoint.ts';
import { waitFor } from '../support/wait.ts';
import { startEcho, startTcpBanner, type Workload } from '../support/workload.ts';

const moves = countOf('moves');
const clients = 8;
const [left, right] = [randomLoopback(), randomLoopback()];

const tcp = { name: 'tcp', port: 5432 };
const http = { name: 'http', port: 80, targetPort: 8080 };
const check = { name: 'http-check', port: 9000 };

const frame = (host: string): readonly AnyMeshObject[] => [
  ...makeWaypoint('bench', host),
  makeObject('MeshConfig', 'istio-system', 'istio', {
    extensionProviders: ['left', 'right'].map((name) => ({
      name,
      envoyExtAuthzHttp: {
        service: `${name}-check.other.svc.cluster.local`,
        port: 9000,
        includeRequestHeadersInCheck: ['x-decide'],
      },
    })),
  }),
  ...makeServed('bench', 'db', '10.9.0.1', tcp, left),
  ...makeServed('bench', 'web', '10.9.0.2', http, left),
  // Of a namespace without a waypoint: their clusters are there only as long as something leads to
  // them.
  ...makeServed('other', 'left-db', '10.9.1.1', tcp, left),
  ...makeServed('other', 'right-db', '10.9.1.2', tcp, right),
  ...makeServed('other', 'left-check', '10.9.1.3', check, left),
  ...makeServed('other', 'right-check', '10.9.1.4', check, right),
];

const route = (to: string): AnyMeshObject =>
  makeObject('VirtualService', 'bench', 'db', {
    hosts: ['db'],
    tcp: [{ route: [{ destination: { host: `${to}-db.other.svc.cluster.local` } }] }],
  });

const policy = (provider: string): AnyMeshObject =>
  makeObject('AuthorizationPolicy', 'bench', 'web', {
    action: 'CUSTOM',
    provider: { name: provider },
    targetRefs: [{ group: '', kind: 'Service', name: 'web' }],
    rules: [{}],
  });

let waypoint: ServedWaypoint;
const servers: (Workload | TestAuthorizer)[] = [];

beforeAll(async () => {
  const host = randomLoopback();
  servers.push(await startTcpBanner(left, 5432, 'left\n'), await startTcpBanner(right, 5432, 'right\n'));
  servers.push(await startHttpAuthorizer(left, 9000), await startHttpAuthorizer(right, 9000));
  servers.push(await startEcho(left, 8080, { name: 'web' }));
  waypoint = await startServedWaypoint([...frame(host), route('left'), policy('left')], host);
  await waypoint.synced();
}, 90_000);

afterAll(async () => {
  await waypoint.stop();
  await Promise.all(servers.map((server) => server.close()));
});

async function hear(connection: HboneConnection): Promise<string> {
  const stream = await connection.connect('10.9.0.1:5432');
  try {
    return await new Promise((resolve) => {
      stream.once('data', (chunk: Buffer) => resolve(chunk.toString().trim()));
      for (const event of ['end', 'close', 'error']) stream.once(event, () => resolve('nothing'));
    });
  } finally {
    stream.destroy();
  }
}

async function ask(connection: HboneConnection): Promise<string> {
  const stream = await connection.connect('10.9.0.2:80');
  try {
    const { status } = await requestThrough(stream, { path: '/', headers: [['x-decide', 'allow']], timeout: 10_000 });
    return String(status);
  } finally {
    stream.destroy();
  }
}

/**
 * The clients' answers while one object was moved from `left` to `right` and back: each outcome
 * with its number.
 */
async function moveUnderTraffic(
  object: (to: string) => AnyMeshObject,
  attempt: (connection: HboneConnection) => Promise<string>,
): Promise<Readonly<Record<string, number>>> {
  const outcomes: Record<string, number> = {};
  const end = new AbortController();
  const work = async (): Promise<void> => {
    let connection = await waypoint.connectAs('client');
    for (let count = 1; !end.signal.aborted; count += 1) {
      // Envoy ends a connection on which hundreds of streams were given up early, as these are.
      if (count % 200 === 0) {
        await connection.close();
        connection = await waypoint.connectAs('client');
      }
      const outcome = await attempt(connection).catch(String);
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
      await sleep(2);
    }
    await connection.close();
  };
  const load = Array.from({ length: clients }, work);
  for (let move = 1; move <= moves; move += 1) {
    waypoint.apply([{ type: 'put', object: object(move % 2 === 0 ? 'left' : 'right') }]);
    await waypoint.synced();
    // Now and then a cluster is gone before it comes back.
    await sleep(move % 10 === 0 ? 5_000 : 50);
  }
  end.abort();
  await Promise.all(load);
  return outcomes;
}

describe('nobody notices that', () => {
  it('a TCP route moves', async () => {
    expect(Object.keys(await moveUnderTraffic(route, hear)).sort()).toEqual(['left', 'right']);
  });

  it('an authorizer moves', async () => {
    const outcomes = await moveUnderTraffic(policy, ask);
    expect(Object.keys(outcomes)).toEqual(['200']);
    expect(outcomes['200']).toBeGreaterThan(moves);
  });

  it('clusters go a while after nothing leads to them', async () => {
    expect(waypoint.refusals).toEqual([]);
    await waitFor(
      async () => {
        const clusters = await waypoint.envoy.adminGet('/clusters?format=json');
        return clusters.includes('left-db') && !/right-db|right-check/u.test(clusters);
      },
      { what: 'only the clusters that are led to', timeout: 15_000 },
    );
  }, 20_000);
});
