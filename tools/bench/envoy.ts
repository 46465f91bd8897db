// What an edit costs a real Envoy: until the first request that sees it, until everything is accepted, and how much memory there is.
// The control plane is in this process; requests come through the tunnel, one after the other.

import { readFileSync } from 'node:fs';
import { type AnyMeshObject, type MeshChange, refOf } from '../../mesh/index.ts';
import { randomLoopback } from '../../test/support/envoy.ts';
import { type HboneConnection, requestThrough } from '../../test/support/hbone-client.ts';
import { type ServedWaypoint, startServedWaypoint } from '../../test/support/served-waypoint.ts';
import { startEcho } from '../../test/support/workload.ts';
import { makeMesh, makePolicy, makeService, makeVirtualService, serviceName } from './mesh.ts';
import type { LoadOptions } from './load.ts';
import { type Report, type Row, summarize } from './report.ts';

const megabyte = 1024 * 1024;
const put = (object: AnyMeshObject): MeshChange => ({ type: 'put', object });

/** Runs the benchmark. */
export async function measureEnvoy({ services, rich, edits }: LoadOptions): Promise<Report> {
  const rows: Row[] = [];
  const host = randomLoopback();
  const workload = randomLoopback();
  const echo = await startEcho(workload, 8080, { name: 'echo' });
  const here = (objects: readonly AnyMeshObject[]): readonly AnyMeshObject[] =>
    objects.map((object) =>
      object.kind === 'WorkloadEntry' ? { ...object, spec: { ...object.spec, address: workload } } : object,
    );
  for (const count of services) {
    const all = makeMesh(count, { rich, listenAddress: host });
    const isOfFirst = ({ metadata }: AnyMeshObject): boolean => metadata.name.startsWith(serviceName(0));
    const since = performance.now();
    const waypoint = await startServedWaypoint(
      [...all.filter((object) => !isOfFirst(object)), ...here(all.filter(isOfFirst))],
      host,
      { timeout: 300_000, concurrency: 1 },
    );
    await waypoint.synced();
    const started = performance.now() - since;
    const memory = residentMemory(waypoint);
    const connection = await waypoint.connectAs('client');
    const results = {
      'route seen ms': [] as number[],
      'policy seen ms': [] as number[],
      'service seen ms': [] as number[],
      'service accepted ms': [] as number[],
      'removal accepted ms': [] as number[],
    };
    for (let round = 0; round < edits; round += 1) {
      const revision = String(round + 2);
      results['route seen ms'].push(
        await untilSeen(waypoint, connection, addressOf(0), put(makeVirtualService(0, round + 2)), {
          path: '/',
          isSeen: ({ headers }) => headers['x-revision'] === revision,
        }),
      );
      const closed = {
        ...makePolicy(0, 1),
        spec: { ...makePolicy(0, 1).spec, rules: [{ to: [{ operation: { paths: [`/${round}`] } }] }] },
      };
      results['policy seen ms'].push(
        await untilSeen(waypoint, connection, addressOf(0), put(closed as AnyMeshObject), {
          path: `/${round}`,
          isSeen: ({ status }) => status === 403,
        }),
      );
      await waypoint.synced();
      const added = here(makeService(count + 1));
      const start = performance.now();
      waypoint.apply(added.map(put));
      const seen = untilStatus(connection, addressOf(count + 1), start);
      await waypoint.synced();
      results['service accepted ms'].push(performance.now() - start);
      results['service seen ms'].push(await seen);
      const removed = performance.now();
      waypoint.apply(added.map((object) => ({ type: 'delete', ref: refOf(object) })));
      await waypoint.synced();
      results['removal accepted ms'].push(performance.now() - removed);
    }
    rows.push({
      services: count,
      'start until synced ms': started,
      'Envoy rss MB': memory,
      'after edits MB': residentMemory(waypoint),
      ...Object.fromEntries(Object.entries(results).map(([name, values]) => [name, summarize(values)])),
    });
    await connection.close();
    await waypoint.stop();
  }
  await echo.close();
  return { benchmark: 'envoy', rows };
}

function addressOf(index: number): string {
  const [service] = makeService(index);
  return service?.kind === 'Service' ? `${service.spec.clusterIP}:80` : '';
}

interface Sight {
  readonly path: string;
  readonly isSeen: (response: {
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
  }) => boolean;
}

async function untilSeen(
  waypoint: ServedWaypoint,
  connection: HboneConnection,
  address: string,
  change: MeshChange,
  { path, isSeen }: Sight,
): Promise<number> {
  const stream = await connection.connect(address);
  await requestThrough(stream, { path: '/warm' });
  const start = performance.now();
  waypoint.apply([change]);
  while (!isSeen(await requestThrough(stream, { path })));
  stream.destroy();
  return performance.now() - start;
}

async function untilStatus(connection: HboneConnection, address: string, start: number): Promise<number> {
  for (;;) {
    try {
      const stream = await connection.connect(address);
      const { status } = await requestThrough(stream, { path: '/' });
      stream.destroy();
      if (status === 200) return performance.now() - start;
    } catch {
      // Nobody serves it yet.
    }
  }
}

function residentMemory({ envoy }: ServedWaypoint): number {
  const pages = readFileSync(`/proc/${envoy.pid}/status`, 'utf8');
  return (Number(/VmRSS:\s+(\d+)/.exec(pages)?.[1] ?? Number.NaN) * 1024) / megabyte;
}
