// The cost of the way through the mesh for a request: client → node proxy → waypoint → node proxy →
// workload, as Cairn configures it, against the same way with a waypoint that was written by hand,
// and against the same Envoy as a plain reverse proxy. Every Envoy has one worker, and the workload
// is an Envoy that answers by itself.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type EnvoyResource, type Json, typeUrls } from '../../envoy-api/index.ts';
import { translateNode, translateWaypoint } from '../../generator/index.ts';
import { randomLoopback, type RunningEnvoy, socketAddress, startEnvoy } from '../../test/support/envoy.ts';
import { allocateBlock } from '../../test/support/loopback.ts';
import { readMesh, testMachine } from '../../test/support/mesh.ts';
import { startHandWritten } from './hand-written.ts';
import { type Load, type LoadResult, runLoad } from './load-client.ts';
import { type Report, type Row, summarize } from './report.ts';
import { makeCertificates, type MeshCertificates, quiet, startProxy } from './static-proxy.ts';

/** How much to measure. */
export interface DataPathOptions {
  readonly rounds: number;
  readonly seconds: number;
}

const protocols = ['HTTP/1.1', 'HTTP/2'] as const;
type Protocol = (typeof protocols)[number];
const plainPath = 'plain Envoy';
/** All of them have metrics and retries. */
const settings = ['no policies', 'with policies', 'no access log'] as const;
type Setting = (typeof settings)[number];
const makers = ['Cairn', 'by hand'] as const;
type Maker = (typeof makers)[number];

/** The addresses of a run. */
interface Places {
  readonly node: string;
  readonly client: string;
  readonly app: string;
  readonly plain: string;
  /** Of the waypoint and its service. */
  readonly of: (way: Way) => { readonly waypoint: string; readonly service: string };
}

/** A waypoint: its setting and who wrote it. A bare one has neither logs, metrics nor retries. */
interface Way {
  readonly setting: Setting | 'bare';
  readonly maker: Maker;
}

const pairs = settings.map((setting) => makers.map((maker): Way => ({ setting, maker })));
const bare: Way = { setting: 'bare', maker: 'by hand' };
const ways = [...pairs.flat(), bare];

/** Runs the benchmark. */
export async function measureDataPath({ rounds, seconds }: DataPathOptions): Promise<Report> {
  const block = await allocateBlock();
  const at: Places = {
    node: block.address(0, 2),
    client: block.address(1, 1),
    app: block.address(1, 2),
    plain: randomLoopback(),
    of: (way) => {
      const number = ways.indexOf(way) + 1;
      return { waypoint: block.address(0, 10 + number), service: block.address(128, number) };
    },
  };
  const certificates = await makeCertificates(namespace, {
    waypoints: ways.map(serviceOf),
    workloads: ['client', 'app'],
  });
  const workload = await startEnvoy({ config: renderWorkload(at), ...quiet });
  const plain = await startEnvoy({ config: renderPlainProxy(at), ...quiet });
  const node = await startNode(at, certificates);
  const waypoints = new Map<Way, RunningEnvoy>();
  for (const way of ways) waypoints.set(way, await startWaypoint(at, way, certificates));
  const measured = new Map<string, Measured[]>();
  const note = (path: string, protocol: Protocol, one: Measured): void => {
    const key = `${protocol} ${path}`;
    measured.set(key, [...(measured.get(key) ?? []), one]);
  };
  const run = async (way: Way, protocol: Protocol): Promise<void> => {
    const waypoint = waypoints.get(way)?.pid ?? 0;
    const load = { ...loads[protocol], protocol, seconds, from: at.client, authority: hostOf(way), path: '/items/7' };
    const through = { ...load, address: at.of(way).service };
    await runLoad({ ...through, seconds: 0.5 });
    note(nameWay(way), protocol, await measure(through, [waypoint, node.pid], waypoint));
  };
  try {
    // In turns, so that other work of the machine affects all of them; of two that are compared,
    // each is the first in every second round.
    for (let round = 0; round < rounds; round += 1) {
      for (const protocol of protocols) {
        const load = { ...loads[protocol], protocol, seconds, from: at.client, authority: 'app', path: '/items/7' };
        await runLoad({ ...load, address: at.plain, seconds: 0.5 });
        note(plainPath, protocol, await measure({ ...load, address: at.plain }, [plain.pid]));
        for (const pair of pairs)
          for (const way of round % 2 === 0 ? pair : pair.toReversed()) await run(way, protocol);
        await run(bare, protocol);
      }
    }
    return { benchmark: 'data-path', rows: protocols.flatMap((protocol) => formatRows(protocol, measured)) };
  } finally {
    await Promise.all([workload, plain, node, ...waypoints.values()].map((envoy) => envoy.stop()));
    certificates.remove();
    await block.release();
  }
}

const namespace = 'bench';
const nameWay = ({ setting, maker }: Way): string => `${maker}, ${setting}`;
const serviceOf = ({ setting, maker }: Way): string => `${setting} ${maker}`.toLowerCase().replaceAll(' ', '-');
const hostOf = (way: Way): string => `${serviceOf(way)}.${namespace}.svc.cluster.local`;

/** 32 requests at once. */
const loads = {
  'HTTP/1.1': { port: 80, connections: 32, streams: 1 },
  'HTTP/2': { port: 81, connections: 4, streams: 8 },
} as const;

interface Measured extends LoadResult {
  /** Microseconds of CPU for one request: of the Envoys on the way, and of the waypoint alone. */
  readonly cpu: number;
  readonly waypoint: number;
}

async function measure(load: Load, envoys: readonly number[], waypoint?: number): Promise<Measured> {
  const used = (): readonly number[] => envoys.map(cpuOf);
  const own = envoys.indexOf(waypoint ?? -1);
  const before = used();
  const result = await runLoad(load);
  const each = used().map((cpu, index) => (cpu - (before[index] ?? 0)) / result.requests);
  return { ...result, cpu: each.reduce((sum, cpu) => sum + cpu, 0), waypoint: each[own] ?? Number.NaN };
}

/** A row for each way, and one for each pair: what Cairn has of the hand-written one's. */
function formatRows(protocol: Protocol, measured: ReadonlyMap<string, readonly Measured[]>): readonly Row[] {
  const of = (path: string): readonly Measured[] => measured.get(`${protocol} ${path}`) ?? [];
  const columns = {
    'requests/s': 'perSecond',
    'p50 ms': 'p50',
    'p99 ms': 'p99',
    'Envoys CPU µs': 'cpu',
    'waypoint CPU µs': 'waypoint',
  } as const;
  const row = (path: string, values: (name: keyof Measured) => readonly number[]): Row => {
    const cells = Object.entries(columns).map(([title, name]) => [title, values(name)] as const);
    const known = cells.filter(([, numbers]) => !numbers.some(Number.isNaN));
    return { protocol, path, ...Object.fromEntries(known.map(([title, numbers]) => [title, summarize(numbers)])) };
  };
  const paths = [plainPath, ...ways.map(nameWay)];
  return [
    ...paths.map((path) => row(path, (name) => of(path).map((one) => one[name]))),
    ...settings.map((setting) => {
      const [cairn = [], other = []] = makers.map((maker) => of(nameWay({ setting, maker })));
      return row(`Cairn / by hand, ${setting}`, (name) =>
        cairn.map((one, round) => one[name] / (other[round]?.[name] ?? Number.NaN)),
      );
    }),
  ];
}

/** Microseconds that the threads of a process have run. */
function cpuOf(pid: number): number {
  const threads = `/proc/${pid}/task`;
  return readdirSync(threads)
    .map((thread) => Number(readFileSync(join(threads, thread, 'schedstat'), 'utf8').split(' ')[0]) / 1000)
    .reduce((sum, microseconds) => sum + microseconds, 0);
}

/** The node proxy of client and workload, which leads to the waypoint of each service. */
async function startNode(at: Places, certificates: MeshCertificates): Promise<RunningEnvoy> {
  const { store } = readMesh({ 'mesh.yaml': renderMesh(at) }, { machine: testMachine });
  const { resources } = translateNode(store, { address: at.node });
  return startProxy({ role: 'ztunnel', namespace, address: at.node }, resources, certificates.node);
}

async function startWaypoint(at: Places, way: Way, certificates: MeshCertificates): Promise<RunningEnvoy> {
  const secrets = certificates.waypoint(serviceOf(way));
  const { waypoint: address } = at.of(way);
  const resources = translate(at, way);
  if (way.maker === 'Cairn') return startProxy({ role: 'waypoint', namespace, address }, resources, secrets);
  return startHandWritten({
    address,
    secrets,
    workload: { address: at.app, port: 8080 },
    // The same as Cairn's own, and so are the retries that Istio gives every route.
    logs: way.setting === 'bare' ? [] : findLogs(resources),
    retries: way.setting !== 'bare',
    hasPolicies: way.setting === 'with policies',
  });
}

/** Cairn's resources for the waypoint of a way. */
function translate(at: Places, way: Way): readonly EnvoyResource[] {
  const files = {
    'mesh.yaml': renderMesh(at),
    ...(way.setting === 'with policies' ? { 'policies.yaml': renderPolicies(way) } : {}),
    ...(way.setting === 'no access log' ? { 'mesh-config.yaml': silence } : {}),
  };
  const { store, findings } = readMesh(files, { machine: testMachine });
  const [problem] = findings.filter(({ severity }) => severity === 'error');
  if (problem !== undefined) throw new Error(problem.message);
  return translateWaypoint(store, { namespace, name: serviceOf(way) }).resources;
}

/** The access logs and metrics of a connection manager of requests. */
function findLogs(resources: readonly EnvoyResource[]): readonly Json[] {
  const manager = resources.find(
    ({ typeUrl, name }) => typeUrl === typeUrls.extensionConfig && name.startsWith('http|'),
  );
  const config = manager?.json['typed_config'];
  const logs =
    typeof config === 'object' && config !== null && 'access_log' in config ? config['access_log'] : undefined;
  if (!Array.isArray(logs)) throw new Error('no connection manager with access logs');
  return logs;
}

/** A waypoint and a service for each way, all of the same workload. */
const renderMesh = (at: Places): string => `
apiVersion: v1
kind: Namespace
metadata: { name: ${namespace} }
${ways
  .map(
    (way) => `---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: ${serviceOf(way)}, namespace: ${namespace}, annotations: { cairn.dev/listen-address: ${at.of(way).waypoint} } }
spec:
  gatewayClassName: istio-waypoint
  listeners: [{ name: mesh, port: 15008, protocol: HBONE }]
  addresses: [{ value: ${at.of(way).waypoint} }]
---
apiVersion: v1
kind: Service
metadata: { name: ${serviceOf(way)}, namespace: ${namespace}, labels: { istio.io/use-waypoint: ${serviceOf(way)} } }
spec:
  clusterIP: ${at.of(way).service}
  selector: { app: app }
  ports:
    - { name: http, port: 80, targetPort: 8080 }
    - { name: http2, port: 81, targetPort: 8080 }
`,
  )
  .join('')}---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: app, namespace: ${namespace}, annotations: { ambient.istio.io/redirection: enabled } }
spec: { address: ${at.app}, labels: { app: app }, serviceAccount: app }
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: client, namespace: ${namespace}, annotations: { ambient.istio.io/redirection: enabled } }
spec: { address: ${at.client}, labels: { app: client }, serviceAccount: client }
`;

/**
 * Routes of which the third matches, header edits, and policies of both actions by identity, method
 * and path.
 */
const renderPolicies = (way: Way): string => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: app, namespace: ${namespace} }
spec:
  hosts: [${serviceOf(way)}]
  http:
    - match: [{ uri: { prefix: /v2/ } }]
      route: [{ destination: { host: ${serviceOf(way)} } }]
    - match: [{ headers: { x-user: { exact: tester } } }]
      route: [{ destination: { host: ${serviceOf(way)} } }]
    - route: [{ destination: { host: ${serviceOf(way)} } }]
      timeout: 10s
      retries: { attempts: 2, perTryTimeout: 2s }
      headers: { request: { set: { x-via: waypoint } } }
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: closed, namespace: ${namespace} }
spec:
  targetRefs: [{ group: "", kind: Service, name: ${serviceOf(way)} }]
  action: DENY
  rules:
    - from: [{ source: { principals: [cluster.local/ns/${namespace}/sa/stranger] } }]
    - to: [{ operation: { paths: [/internal/*, /admin/*] } }]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: open, namespace: ${namespace} }
spec:
  targetRefs: [{ group: "", kind: Service, name: ${serviceOf(way)} }]
  action: ALLOW
  rules:
    - from: [{ source: { principals: [cluster.local/ns/${namespace}/sa/other] } }]
    - from: [{ source: { namespaces: [${namespace}] } }]
      to: [{ operation: { methods: [GET], paths: [/items/*] } }]
`;

const silence = `
apiVersion: v1
kind: ConfigMap
metadata: { name: istio, namespace: istio-system }
data:
  mesh: |
    accessLogFile: ""
`;

type Bootstrap = Readonly<Record<string, unknown>>;

function renderWorkload(at: Places): Bootstrap {
  const answer = { status: 200, body: { inline_string: 'x'.repeat(128) } };
  return { static_resources: { listeners: [renderListener(at.app, 8080, { direct_response: answer })] } };
}

/**
 * A proxy as small as it gets: a listener for each protocol, and the workload behind it by the same
 * protocol.
 */
function renderPlainProxy(at: Places): Bootstrap {
  const endpoint = { endpoint: { address: socketAddress({ address: at.app, port: 8080 }) } };
  const type = 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
  const http2 = { '@type': type, explicit_http_config: { http2_protocol_options: {} } };
  return {
    static_resources: {
      listeners: protocols.map((protocol) =>
        renderListener(at.plain, loads[protocol].port, { route: { cluster: protocol, timeout: '0s' } }),
      ),
      clusters: protocols.map((protocol) => ({
        name: protocol,
        type: 'STATIC',
        load_assignment: { cluster_name: protocol, endpoints: [{ lb_endpoints: [endpoint] }] },
        ...(protocol === 'HTTP/2'
          ? { typed_extension_protocol_options: { 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': http2 } }
          : {}),
      })),
    },
  };
}

function renderListener(address: string, port: number, action: Bootstrap): Bootstrap {
  const types = 'type.googleapis.com/envoy.extensions.filters';
  const routes = [{ match: { prefix: '/' }, ...action }];
  const manager = {
    '@type': `${types}.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: 'bench',
    codec_type: 'AUTO',
    route_config: { virtual_hosts: [{ name: 'all', domains: ['*'], routes }] },
    http_filters: [{ name: 'envoy.filters.http.router', typed_config: { '@type': `${types}.http.router.v3.Router` } }],
  };
  return {
    name: `bench-${port}`,
    address: socketAddress({ address, port }),
    filter_chains: [{ filters: [{ name: 'envoy.filters.network.http_connection_manager', typed_config: manager }] }],
  };
}
