// The cost of an edit for a real Envoy: the time until the first request that sees it, the time
// until everything is accepted, and the memory. Requests come through the tunnel, one after the
// other. The control plane is in this process, or it is that of a cluster and edits are writes to a
// Kubernetes API.

import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AnyMeshObject } from '../../mesh/index.ts';
import { type RunningEnvoy, randomLoopback } from '../../test/support/envoy.ts';
import { type HboneConnection, requestThrough } from '../../test/support/hbone-client.ts';
import { startServedWaypoint, startWaypointEnvoy } from '../../test/support/served-waypoint.ts';
import { startEcho } from '../../test/support/workload.ts';
import { startApiMesh } from './api.ts';
import { changesOf, makeMesh, makePolicy, makeService, makeVirtualService, meshGateway, serviceName } from './mesh.ts';
import type { LoadOptions } from './load.ts';
import { type Report, type Row, summarize } from './report.ts';

const megabyte = 1024 * 1024;

/** A waypoint whose configuration is edited. */
interface EditedWaypoint {
  readonly envoy: RunningEnvoy;
  readonly write: (put: readonly AnyMeshObject[], removed?: readonly AnyMeshObject[]) => Promise<void>;
  /** Waits until Envoy has accepted everything, if that can be known. */
  readonly synced?: () => Promise<void>;
  readonly connect: () => Promise<HboneConnection>;
  readonly stop: () => Promise<void>;
}

/** Runs the benchmark. */
export async function measureEnvoy({ services, rich, edits }: LoadOptions, isFromApi: boolean): Promise<Report> {
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
    const mesh = [...all.filter((object) => !isOfFirst(object)), ...here(all.filter(isOfFirst))];
    const since = performance.now();
    const waypoint = await (isFromApi ? startFromApi(mesh, host) : startFromMemory(mesh, host));
    await waypoint.synced?.();
    const started = performance.now() - since;
    const memory = residentMemory(waypoint);
    const connection = await waypoint.connect();
    const results = await measureEdits(waypoint, connection, { count, edits, here });
    rows.push({
      services: count,
      ...(isFromApi ? {} : { 'start until synced ms': started }),
      'Envoy rss MB': memory,
      'after edits MB': residentMemory(waypoint),
      'in use MB': await usedMemory(waypoint),
      ...Object.fromEntries(Object.entries(results).map(([name, values]) => [name, summarize(values)])),
    });
    await connection.close();
    await waypoint.stop();
  }
  await echo.close();
  return { benchmark: isFromApi ? 'envoy, edits by the Kubernetes API' : 'envoy', rows };
}

async function startFromMemory(mesh: readonly AnyMeshObject[], host: string): Promise<EditedWaypoint> {
  const { envoy, apply, synced, connectAs, stop } = await startServedWaypoint(mesh, host, {
    timeout: 300_000,
    concurrency: 1,
  });
  return {
    envoy,
    write: async (put, removed = []) => apply(changesOf({ put, removed })),
    synced,
    connect: () => connectAs('client'),
    stop,
  };
}

async function startFromApi(mesh: readonly AnyMeshObject[], host: string): Promise<EditedWaypoint> {
  const api = await startApiMesh(mesh);
  const { own, node, serverName } = api;
  const server = { port: Number(api.address.split(':')[1]), name: serverName };
  const envoy = await startWaypointEnvoy({
    own,
    server,
    node: { ...node, cluster: meshGateway },
    timeout: 300_000,
    concurrency: 1,
  });
  return {
    envoy,
    write: api.write,
    connect: () => api.connectAs('client', host),
    stop: async () => {
      await envoy.stop();
      await api.stop();
    },
  };
}

interface Edits {
  readonly count: number;
  readonly edits: number;
  /** Gives objects the address of a workload that answers. */
  readonly here: (objects: readonly AnyMeshObject[]) => readonly AnyMeshObject[];
}

async function measureEdits(
  waypoint: EditedWaypoint,
  connection: HboneConnection,
  { count, edits, here }: Edits,
): Promise<Readonly<Record<string, readonly number[]>>> {
  const seen = { route: [] as number[], policy: [] as number[], service: [] as number[] };
  const accepted = { service: [] as number[], removal: [] as number[] };
  const { write, synced } = waypoint;
  for (let round = 0; round < edits; round += 1) {
    const revision = String(round + 2);
    const route = makeVirtualService(0, round + 2);
    const isEdited: Sight['isSeen'] = ({ headers }) => headers['x-revision'] === revision;
    seen.route.push(await untilSeen(waypoint, connection, route, { path: '/', isSeen: isEdited }));
    const policy = makePolicy(0, 1);
    const rules = [{ to: [{ operation: { paths: [`/${round}`] } }] }];
    const closed = { ...policy, spec: { ...policy.spec, rules } } as AnyMeshObject;
    const isClosed: Sight['isSeen'] = ({ status }) => status === 403;
    seen.policy.push(await untilSeen(waypoint, connection, closed, { path: `/${round}`, isSeen: isClosed }));
    await synced?.();
    const added = here(makeService(count + 1));
    const start = performance.now();
    const written = write(added);
    const answered = untilStatus(connection, addressOf(count + 1), start);
    await written;
    if (synced !== undefined) {
      await synced();
      accepted.service.push(performance.now() - start);
    }
    seen.service.push(await answered);
    const removed = performance.now();
    await write([], added);
    if (synced === undefined) {
      await untilGone(connection, addressOf(count + 1));
      continue;
    }
    await synced();
    accepted.removal.push(performance.now() - removed);
  }
  return {
    'route seen ms': seen.route,
    'policy seen ms': seen.policy,
    'service seen ms': seen.service,
    ...(synced === undefined
      ? {}
      : { 'service accepted ms': accepted.service, 'removal accepted ms': accepted.removal }),
  };
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
  waypoint: EditedWaypoint,
  connection: HboneConnection,
  object: AnyMeshObject,
  { path, isSeen }: Sight,
): Promise<number> {
  const stream = await connection.connect(addressOf(0));
  await requestThrough(stream, { path: '/warm' });
  const start = performance.now();
  void waypoint.write([object]);
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

/** The next edit must not wait behind Envoy's work for a removal. */
async function untilGone(connection: HboneConnection, address: string): Promise<void> {
  for (;;) {
    try {
      const stream = await connection.connect(address);
      await requestThrough(stream, { path: '/' });
      stream.destroy();
    } catch {
      return sleep(500);
    }
  }
}

function residentMemory({ envoy }: EditedWaypoint): number {
  const pages = readFileSync(`/proc/${envoy.pid}/status`, 'utf8');
  return (Number(/VmRSS:\s+(\d+)/.exec(pages)?.[1] ?? Number.NaN) * 1024) / megabyte;
}

/**
 * The memory that Envoy has asked its allocator for: the resident memory without the allocator's
 * own reserve from the start.
 */
async function usedMemory({ envoy }: EditedWaypoint): Promise<number> {
  const { allocated } = JSON.parse(await envoy.adminGet('/memory')) as { readonly allocated: string };
  return Number(allocated) / megabyte;
}
