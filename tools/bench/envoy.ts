// A real Envoy as a waypoint: how long it takes to start, the memory that it needs, how long the
// first request to a service takes beside the later ones, and the time from an edit to the first
// request that sees it. Requests come through tunnels of their own, one after the other. The
// control plane is in this process, or it is that of a cluster and edits are writes to a Kubernetes
// API.

import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AnyMeshObject } from '../../mesh/index.ts';
import { type RunningEnvoy, randomLoopback } from '../../test/support/envoy.ts';
import { type HboneConnection, isHboneRefusal, requestThrough } from '../../test/support/hbone-client.ts';
import { freePort } from '../../test/support/loopback.ts';
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
  /** When its Envoy was started, by `performance.now()`. */
  readonly startedAt: number;
  readonly write: (put: readonly AnyMeshObject[], removed?: readonly AnyMeshObject[]) => Promise<void>;
  /** Waits until Envoy has accepted everything, if that can be known. */
  readonly synced?: () => Promise<void>;
  readonly connect: () => Promise<HboneConnection>;
  readonly stop: () => Promise<void>;
}

/** Runs the benchmark. */
export async function measureEnvoy(options: LoadOptions, isFromApi: boolean): Promise<Report> {
  const rows: Row[] = [];
  const port = await freePort('0.0.0.0');
  const echo = await startEcho('0.0.0.0', port, { name: 'echo' });
  for (const count of options.services)
    rows.push(
      await measureSize({ count, place: isFromApi ? placeOutside(count, port) : placeAt(port) }, options, isFromApi),
    );
  await echo.close();
  return { benchmark: isFromApi ? 'envoy, edits by the Kubernetes API' : 'envoy', rows };
}

/** A mesh whose workloads are in their places. */
interface Placed {
  readonly count: number;
  readonly place: (object: AnyMeshObject) => AnyMeshObject;
}

async function measureSize(
  placed: Placed,
  { rich, edits, asks, onDemandAbove }: LoadOptions,
  isFromApi: boolean,
): Promise<Row> {
  const { count, place } = placed;
  const host = randomLoopback();
  const mesh = makeMesh(count, { rich, listenAddress: host }).map(place);
  const waypoint = await (isFromApi ? startFromApi : startFromMemory)(mesh, host, onDemandAbove);
  const ready = performance.now() - waypoint.startedAt;
  await waypoint.synced?.();
  const synced = performance.now() - waypoint.startedAt;
  const started = await readMemory(waypoint);
  const asked = isFromApi ? 1 : asks === 'all' ? count : Math.min(count, asks);
  const { cold, warm } = await askEach(waypoint, asked);
  await waypoint.synced?.();
  const used = await readMemory(waypoint);
  const connection = await waypoint.connect();
  const results = await measureEdits(waypoint, connection, { ...placed, edits });
  const edited = await readMemory(waypoint);
  await connection.close();
  await waypoint.stop();
  return {
    services: count,
    'ready ms': ready,
    ...(isFromApi ? {} : { 'all due ms': synced }),
    'rss MB': started.resident,
    'in use MB': started.allocated,
    asked,
    'rss MB, asked': used.resident,
    'in use MB, asked': used.allocated,
    'rss MB, edited': edited.resident,
    'cold request ms': summarize(cold),
    'cold p99 ms': summarize(cold).p99,
    'warm request ms': summarize(warm),
    'warm p99 ms': summarize(warm).p99,
    ...Object.fromEntries(Object.entries(results).map(([name, values]) => [name, summarize(values)])),
  };
}

/** Envoy closes a connection of which many streams were reset: clients come with new ones. */
const servicesOfClient = 100;

/** The first request to each service, and the second. */
async function askEach(
  waypoint: EditedWaypoint,
  count: number,
): Promise<{ readonly cold: readonly number[]; readonly warm: readonly number[] }> {
  const cold: number[] = [];
  const warm: number[] = [];
  let connection = await waypoint.connect();
  for (let index = 0; index < count; index += 1) {
    if (index > 0 && index % servicesOfClient === 0) {
      await connection.close();
      connection = await waypoint.connect();
    }
    for (const times of [cold, warm]) {
      const start = performance.now();
      const stream = await connection.connect(addressOf(index));
      const { status } = await requestThrough(stream, { path: '/' });
      times.push(performance.now() - start);
      stream.destroy();
      if (status !== 200) throw new Error(`service ${index} answered ${status}`);
    }
  }
  await connection.close();
  return { cold, warm };
}

/** Gives workloads loopback addresses of their own, at the port of one server for all of them. */
function placeAt(port: number): (object: AnyMeshObject) => AnyMeshObject {
  return (object) => {
    if (object.kind === 'WorkloadEntry') {
      const address = object.spec.address?.replace(/^11\.\d+\./, '127.100.') ?? '';
      return { ...object, spec: { ...object.spec, address } };
    }
    if (object.kind !== 'Service') return object;
    const ports = object.spec.ports?.map((one) => ({ ...one, targetPort: port })) ?? [];
    return { ...object, spec: { ...object.spec, ports } };
  };
}

/**
 * The same for a cluster, where loopback addresses are refused: those that edits concern are at the
 * machine's own address, and the others nowhere.
 */
function placeOutside(count: number, port: number): (object: AnyMeshObject) => AnyMeshObject {
  const own = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(({ family, internal }) => family === 'IPv4' && !internal);
  if (own === undefined) throw new Error('this machine has loopback addresses only');
  const edited = [serviceName(0), serviceName(count + 1)];
  return (object) => {
    const isEdited = edited.some((name) => object.metadata.name.startsWith(name));
    if (object.kind !== 'WorkloadEntry') return placeAt(port)(object);
    return isEdited ? { ...object, spec: { ...object.spec, address: own.address } } : object;
  };
}

async function startFromMemory(
  mesh: readonly AnyMeshObject[],
  host: string,
  onDemandAbove: number,
): Promise<EditedWaypoint> {
  const { envoy, startedAt, apply, synced, connectAs, stop } = await startServedWaypoint(mesh, host, {
    timeout: 300_000,
    concurrency: 1,
    onDemandAbove,
  });
  return {
    envoy,
    startedAt,
    write: async (put, removed = []) => apply(changesOf({ put, removed })),
    synced,
    connect: () => connectAs('client'),
    stop,
  };
}

async function startFromApi(
  mesh: readonly AnyMeshObject[],
  host: string,
  onDemandAbove: number,
): Promise<EditedWaypoint> {
  const api = await startApiMesh(mesh, onDemandAbove);
  const { own, node, serverName } = api;
  const server = { port: Number(api.address.split(':')[1]), name: serverName };
  const startedAt = performance.now();
  const envoy = await startWaypointEnvoy({
    own,
    server,
    node: { ...node, cluster: meshGateway },
    timeout: 300_000,
    concurrency: 1,
  });
  return {
    envoy,
    startedAt,
    write: api.write,
    connect: () => api.connectAs('client', host),
    stop: async () => {
      await envoy.stop();
      await api.stop();
    },
  };
}

interface Edits extends Placed {
  readonly edits: number;
}

async function measureEdits(
  waypoint: EditedWaypoint,
  connection: HboneConnection,
  { count, place, edits }: Edits,
): Promise<Readonly<Record<string, readonly number[]>>> {
  const seen = { route: [] as number[], policy: [] as number[], added: [] as number[], removed: [] as number[] };
  const accepted = { added: [] as number[], removed: [] as number[] };
  const { write, synced } = waypoint;
  const address = addressOf(count + 1);
  const isSeen = async (
    edit: () => Promise<void>,
    wait: (start: number) => Promise<number>,
    times: { readonly seen: number[]; readonly accepted: number[] },
  ): Promise<void> => {
    const start = performance.now();
    const written = edit();
    const waited = wait(start);
    await written;
    if (synced !== undefined) {
      await synced();
      times.accepted.push(performance.now() - start);
    }
    times.seen.push(await waited);
  };
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
    const service = makeService(count + 1).map(place);
    await isSeen(
      () => write(service),
      (start) => untilAnswer(connection, address, 200, start),
      { seen: seen.added, accepted: accepted.added },
    );
    await isSeen(
      () => write([], service),
      (start) => untilAnswer(connection, address, 404, start),
      { seen: seen.removed, accepted: accepted.removed },
    );
    // The next edit must not wait behind the work for this one.
    if (synced === undefined) await sleep(500);
  }
  return {
    'route seen ms': seen.route,
    'policy seen ms': seen.policy,
    'service seen ms': seen.added,
    'removal seen ms': seen.removed,
    ...(synced === undefined ? {} : { 'service accepted ms': accepted.added, 'removal accepted ms': accepted.removed }),
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

/** Asks on new tunnels until the answer has a status; a refused tunnel is an answer too. */
async function untilAnswer(
  connection: HboneConnection,
  address: string,
  wanted: number,
  start: number,
): Promise<number> {
  for (;;) {
    const status = await connection
      .connect(address)
      .then(async (stream) => {
        const answered = await requestThrough(stream, { path: '/' });
        stream.destroy();
        return answered.status;
      })
      .catch((error: unknown) => (isHboneRefusal(error) ? error.status : undefined));
    if (status === wanted) return performance.now() - start;
  }
}

interface Memory {
  readonly resident: number;
  /** The memory that Envoy has asked its allocator for, without the allocator's own reserve. */
  readonly allocated: number;
}

async function readMemory({ envoy }: EditedWaypoint): Promise<Memory> {
  const pages = readFileSync(`/proc/${envoy.pid}/status`, 'utf8');
  const { allocated } = JSON.parse(await envoy.adminGet('/memory')) as { readonly allocated: string };
  return {
    resident: (Number(/VmRSS:\s+(\d+)/.exec(pages)?.[1] ?? Number.NaN) * 1024) / megabyte,
    allocated: Number(allocated) / megabyte,
  };
}
