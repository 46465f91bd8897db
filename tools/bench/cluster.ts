// The cost of a cluster for its control plane: `cairn controller` as a process of its own at a real
// API server that holds services, pods and rules. It measures the time from the start to serving,
// the writes after that, the calls to the API, and the memory; for an empty cluster, for a new one,
// for one whose statuses are written already, and for a minute in which nothing happens.

import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type KubernetesObject, resources } from '../../kubernetes/index.ts';
import { applyWaypoint, applyWaypointPod, systemNamespace } from '../../test/support/cluster-mesh.ts';
import { startApiServer, type TestApiServer } from '../../test/support/kube-apiserver.ts';
import { freePort } from '../../test/support/loopback.ts';
import { startProcess, type StartedProcess, stopAll, stopProcess } from '../../test/support/processes.ts';
import { waitFor } from '../../test/support/wait.ts';
import { meshGateway, meshNamespace, serviceName } from './mesh.ts';
import type { Report, Row } from './report.ts';

/** How large the cluster is. Each service has two pods, every second one a VirtualService. */
export interface ClusterLoad {
  readonly services: readonly number[];
  /** Milliseconds to watch a cluster at rest. */
  readonly restMs: number;
}

const parallel = 40;
const startTimeoutMs = 180_000;
/** Nothing was written for so long: it is done, but for its Lease. */
const quietMs = 3_000;

/** Starts a control plane at an empty cluster, at a loaded one, and again. */
export async function measureCluster({ services, restMs }: ClusterLoad): Promise<Report> {
  const rows: Row[] = [];
  try {
    for (const count of services) {
      const api = await startApiServer();
      try {
        await api.createNamespace(systemNamespace);
        await api.createNamespace(meshNamespace, { 'istio.io/use-waypoint': meshGateway });
        rows.push(await measureStart(api, 'an empty cluster', { services: 0, restMs: 0 }));
        await load(api, count);
        rows.push(await measureStart(api, 'first start', { services: count, restMs: 0 }));
        rows.push(await measureStart(api, 'started again', { services: count, restMs }));
      } finally {
        await api.stop();
      }
    }
  } finally {
    await stopAll();
  }
  return { benchmark: 'cluster', rows };
}

/**
 * Services with their pods and slices, and VirtualServices, as controllers and people would have
 * made them.
 */
async function load({ client }: TestApiServer, count: number): Promise<void> {
  const metadata = (name: string, labels = {}): KubernetesObject['metadata'] => ({
    name,
    namespace: meshNamespace,
    labels,
  });
  await applyWaypoint(client, meshNamespace, meshGateway);
  await applyWaypointPod(client, meshNamespace, meshGateway, `${meshGateway}-1`);
  await inParallel(count, async (index) => {
    const name = serviceName(index);
    const ports = [{ name: 'http', port: 80, targetPort: 8080 }];
    await client.create(resources.Service, { metadata: metadata(name), spec: { selector: { app: name }, ports } });
    const pods = [0, 1].map((replica) => ({ name: `${name}-${replica}`, ip: podAddress(2 * index + replica) }));
    for (const pod of pods) await createPod(pod.name, pod.ip, name);
    await client.create(resources.EndpointSlice, {
      metadata: metadata(`${name}-1`, { 'kubernetes.io/service-name': name }),
      addressType: 'IPv4',
      ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
      endpoints: pods.map(({ name: pod, ip }) => ({
        addresses: [ip],
        conditions: { ready: true },
        targetRef: { kind: 'Pod', namespace: meshNamespace, name: pod },
      })),
    });
    if (index % 2 === 1) return;
    const http = [{ timeout: '5s', route: [{ destination: { host: name } }] }];
    await client.create(resources.VirtualService, { metadata: metadata(name), spec: { hosts: [name], http } });
  });

  async function createPod(name: string, ip: string, app: string): Promise<void> {
    const containers = [{ name: 'app', image: 'none', ports: [{ name: 'http', containerPort: 8080 }] }];
    const spec = { automountServiceAccountToken: false, containers };
    await client.create(resources.Pod, { metadata: metadata(name, { app }), spec });
    const conditions = [{ type: 'Ready', status: 'True', lastTransitionTime: new Date().toISOString() }];
    const status = { phase: 'Running', podIP: ip, podIPs: [{ ip }], conditions };
    await client.patch(resources.Pod, meshNamespace, name, { status }, { type: 'merge', subresource: 'status' });
  }
}

function podAddress(index: number): string {
  return `10.${128 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}`;
}

async function inParallel(count: number, act: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < count) await act(next++);
  };
  await Promise.all(Array.from({ length: parallel }, work));
}

async function measureStart(
  api: TestApiServer,
  what: string,
  { services, restMs }: { readonly services: number; readonly restMs: number },
): Promise<Row> {
  const from = performance.now();
  const [xds = 0, admin = 0, health = 0, webhook = 0] = await Promise.all(
    [0, 1, 2, 3].map(() => freePort('127.0.0.1')),
  );
  const ports = { '--xds-port': xds, '--admin-port': admin, '--health-port': health, '--webhook-port': webhook };
  const flags = Object.entries(ports).flatMap(([flag, port]) => [flag, String(port)]);
  const plane = await startProcess(
    process.execPath,
    ['--import', 'tsx', 'cli/main.ts', 'controller', '--listen-address', '127.0.0.1', '--pod-name', 'bench', ...flags],
    { env: { KUBECONFIG: api.kubeconfig, POD_NAMESPACE: systemNamespace } },
  );
  const options = { timeout: startTimeoutMs, seen: () => plane.output().slice(-2_000) };
  await waitFor(async () => (await fetch(`http://127.0.0.1:${health}/readyz`).catch(() => undefined))?.ok, options);
  const ready = performance.now();
  const read = async (): Promise<ApiCalls> =>
    readCalls(await (await fetch(`http://127.0.0.1:${health}/metrics`)).text());
  await waitFor(async () => (await read()).isLeader, options);
  const settled = await untilQuiet(read, ready);
  const calls = await read();
  const { cpuSeconds, residentMegabytes } = readProcess(plane);
  await sleep(restMs);
  const later = await read();
  await stopProcess(plane, 30_000);
  const rest = (calls: number): number => (calls * 60_000) / restMs;
  return {
    'start at': what,
    services,
    pods: 2 * services,
    VirtualServices: Math.ceil(services / 2),
    'ready, s': (ready - from) / 1000,
    'all written, s': (settled - from) / 1000,
    'CPU, s': cpuSeconds,
    'memory, MB': residentMegabytes,
    lists: calls.lists,
    watches: calls.watches,
    'other reads': calls.reads,
    writes: calls.writes,
    ...(restMs === 0
      ? {}
      : {
          'writes a minute at rest': rest(later.writes - calls.writes),
          'reads a minute at rest': rest(
            later.reads + later.lists + later.watches - calls.reads - calls.lists - calls.watches,
          ),
        }),
  };
}

/** Calls to the API so far; those for the Lease are no writes. */
interface ApiCalls {
  readonly lists: number;
  readonly watches: number;
  readonly reads: number;
  readonly writes: number;
  readonly isLeader: boolean;
}

function readCalls(metrics: string): ApiCalls {
  const calls = { lists: 0, watches: 0, reads: 0, writes: 0 };
  for (const [, verb = '', kind = '', count = ''] of metrics.matchAll(
    /^cairn_kubernetes_requests_total\{verb="([^"]*)",kind="([^"]*)"\} (\d+)/gm,
  )) {
    const isWrite = /^(?:apply|create|delete|patch|replace|POST|PUT|PATCH|DELETE)$/.test(verb);
    if (kind === 'Lease') continue;
    calls[verb === 'list' ? 'lists' : verb === 'watch' ? 'watches' : isWrite ? 'writes' : 'reads'] += Number(count);
  }
  return { ...calls, isLeader: /^cairn_leader 1$/m.test(metrics) };
}

/** When the last write was seen, in the milliseconds of `performance.now`. */
async function untilQuiet(read: () => Promise<ApiCalls>, from: number): Promise<number> {
  let since = from;
  for (let known = (await read()).writes; performance.now() - since < quietMs; await sleep(100)) {
    const { writes } = await read();
    if (writes !== known) since = performance.now();
    known = writes;
  }
  return since;
}

/** CPU and memory of a process, as Linux counts them. */
function readProcess({ pid }: StartedProcess): { readonly cpuSeconds: number; readonly residentMegabytes: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const [, , , , , , , , , , , user = 0, system = 0] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const ticksPerSecond = 100;
  return {
    cpuSeconds: (user + system) / ticksPerSecond,
    residentMegabytes: Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) / 1024,
  };
}
