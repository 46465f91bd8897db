// The cost of the way through the mesh for a request: client → node proxy → waypoint → node proxy →
// workload, as `cairn run` generates and runs it, against the same Envoy as a plain reverse proxy.
// Every Envoy has one worker, and the workload is an Envoy that answers by itself.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { randomLoopback, socketAddress, startEnvoy } from '../../test/support/envoy.ts';
import { awaitRun } from '../../test/support/local-run.ts';
import { allocateBlock } from '../../test/support/loopback.ts';
import { startProcess, stopAll } from '../../test/support/processes.ts';
import { waitFor } from '../../test/support/wait.ts';
import { type Load, type LoadResult, runLoad } from './load-client.ts';
import { type Report, type Row, summarize } from './report.ts';

/** How much to measure. */
export interface DataPathOptions {
  readonly rounds: number;
  readonly seconds: number;
}

const root = resolve(import.meta.dirname, '../..');
const protocols = ['HTTP/1.1', 'HTTP/2'] as const;
const patient = { timeout: 60_000, interval: 50 };
const host = 'app.default.svc.cluster.local';
const at = { client: randomLoopback(), app: randomLoopback(), service: randomLoopback(), plain: randomLoopback() };

const plainPath = 'plain Envoy';
const settings = ['no policies', 'with policies', 'no access log'] as const;

/** Runs the benchmark. */
export async function measureDataPath({ rounds, seconds }: DataPathOptions): Promise<Report> {
  const directory = mkdtempSync(join(tmpdir(), 'cairn-data-path-'));
  const config = join(directory, 'config');
  const state = join(directory, 'state');
  mkdirSync(config);
  writeFileSync(join(config, 'mesh.yaml'), mesh);
  const workload = await startEnvoy({ config: renderWorkload(), logLevel: 'error', args: quiet });
  const plain = await startEnvoy({ config: renderPlainProxy(), logLevel: 'error', args: quiet });
  const run = await startRun(config, state);
  const measured = new Map<string, Measured[]>();
  const note = (path: string, protocol: string, one: Measured): void => {
    const key = `${protocol} ${path}`;
    measured.set(key, [...(measured.get(key) ?? []), one]);
  };
  try {
    // In turns, so that other work of the machine affects all of them.
    for (let round = 0; round < rounds; round += 1) {
      for (const setting of settings) {
        put(join(config, 'policies.yaml'), setting === 'with policies' ? policies : undefined);
        put(join(config, 'mesh-config.yaml'), setting === 'no access log' ? silence : undefined);
        await inForce(setting);
        for (const protocol of protocols) {
          const load = { protocol, from: at.client, authority: host, path: '/items/7', seconds, ...inFlight[protocol] };
          const around = { ...load, address: at.plain, port: ports[protocol] };
          const through = { ...load, address: at.service, port: ports[protocol] };
          for (const warm of [around, through]) await runLoad({ ...warm, seconds: 0.5 });
          note(plainPath, protocol, await measure(around, () => cpuOf([plain.pid])));
          note(`waypoint, ${setting}`, protocol, await measure(through, () => cpuOf(envoysBelow(state))));
        }
      }
    }
    const rows = protocols.flatMap((protocol) =>
      [plainPath, ...settings.map((setting) => `waypoint, ${setting}`)].map((path) =>
        formatRow(protocol, path, measured.get(`${protocol} ${path}`) ?? []),
      ),
    );
    return { benchmark: 'data-path', rows };
  } finally {
    await run();
    await Promise.all([plain.stop(), workload.stop()]);
    await stopAll();
    rmSync(directory, { recursive: true, force: true });
  }
}

const ports = { 'HTTP/1.1': 80, 'HTTP/2': 81 } as const;
/** 32 requests at once. */
const inFlight = {
  'HTTP/1.1': { connections: 32, streams: 1 },
  'HTTP/2': { connections: 4, streams: 8 },
} as const;

interface Measured extends LoadResult {
  /** Microseconds of CPU that the Envoys on the way used for one request. */
  readonly cpu: number;
}

async function measure(load: Load, cpu: () => number): Promise<Measured> {
  const before = cpu();
  const result = await runLoad(load);
  return { ...result, cpu: (cpu() - before) / result.requests };
}

function formatRow(protocol: string, path: string, measured: readonly Measured[]): Row {
  const column = (name: keyof Measured): ReturnType<typeof summarize> => summarize(measured.map((one) => one[name]));
  return {
    protocol,
    path,
    'requests/s': column('perSecond'),
    'p50 ms': column('p50'),
    'p99 ms': column('p99'),
    'Envoy CPU µs': column('cpu'),
  };
}

/** Microseconds that processes have used; the kernel counts hundredths of a second. */
function cpuOf(pids: readonly number[]): number {
  return pids
    .map((pid) => readFileSync(`/proc/${pid}/stat`, 'utf8'))
    .map((text) => text.slice(text.lastIndexOf(')') + 2).split(' '))
    .reduce((sum, fields) => sum + (Number(fields[11]) + Number(fields[12])) * 10_000, 0);
}

/** The Envoys of a run, by the folder in their command lines. */
function envoysBelow(state: string): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const [program = '', ...args] = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0');
        return program.endsWith('envoy') && args.some((arg) => arg.startsWith(state)) ? [Number(name)] : [];
      } catch {
        // It ended meanwhile.
        return [];
      }
    });
}

/** Starts `cairn run`, and returns the function that ends it. */
async function startRun(config: string, state: string): Promise<() => Promise<void>> {
  const block = await allocateBlock();
  const command = ['--import', 'tsx', join(root, 'cli/main.ts'), 'run'];
  const args = ['--config', config, '--state', state, '--address-block', block.cidr];
  const run = await startProcess(process.execPath, [...command, ...args], {
    cwd: root,
    env: { CAIRN_CONCURRENCY: '1' },
  });
  await awaitRun(run);
  return async () => {
    process.kill(run.pid, 'SIGTERM');
    await run.exited;
    await block.release();
  };
}

/**
 * A file with this text, or none: one that is emptied is taken for half written, and what it said
 * stays in force.
 */
function put(path: string, text: string | undefined): void {
  if (text === undefined) rmSync(path, { force: true });
  else writeFileSync(path, text);
}

async function inForce(setting: (typeof settings)[number]): Promise<void> {
  const ask = (path: string): Promise<boolean> =>
    runLoad({
      protocol: 'HTTP/1.1',
      address: at.service,
      port: 80,
      from: at.client,
      authority: host,
      path,
      connections: 1,
      streams: 1,
      seconds: 0,
    }).then(
      () => true,
      () => false,
    );
  const isClosed = setting === 'with policies';
  await waitFor(async () => (await ask('/items/7')) && (await ask('/internal/x')) !== isClosed, {
    ...patient,
    what: `a waypoint ${setting}`,
  });
}

const mesh = `
apiVersion: v1
kind: Namespace
metadata:
  name: default
  labels: { istio.io/use-waypoint: waypoint, istio.io/dataplane-mode: ambient }
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: waypoint, namespace: default }
spec:
  gatewayClassName: istio-waypoint
  listeners: [{ name: mesh, port: 15008, protocol: HBONE }]
---
apiVersion: v1
kind: Service
metadata: { name: app, namespace: default }
spec:
  clusterIP: ${at.service}
  selector: { app: app }
  ports:
    - { name: http, port: 80, targetPort: 8080 }
    - { name: http2, port: 81, targetPort: 8080 }
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: app, namespace: default }
spec: { address: ${at.app}, labels: { app: app }, serviceAccount: app }
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: client, namespace: default }
spec: { address: ${at.client}, labels: { app: client }, serviceAccount: client }
`;

/**
 * Routes of which the third matches, header edits, and policies of both actions by identity, method
 * and path.
 */
const policies = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: app, namespace: default }
spec:
  hosts: [app]
  http:
    - match: [{ uri: { prefix: /v2/ } }]
      route: [{ destination: { host: app } }]
    - match: [{ headers: { x-user: { exact: tester } } }]
      route: [{ destination: { host: app } }]
    - route: [{ destination: { host: app } }]
      timeout: 10s
      retries: { attempts: 2, perTryTimeout: 2s }
      headers: { request: { set: { x-via: waypoint } } }
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: closed, namespace: default }
spec:
  targetRefs: [{ group: "", kind: Service, name: app }]
  action: DENY
  rules:
    - from: [{ source: { principals: [cluster.local/ns/default/sa/stranger] } }]
    - to: [{ operation: { paths: [/internal/*, /admin/*] } }]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: open, namespace: default }
spec:
  targetRefs: [{ group: "", kind: Service, name: app }]
  action: ALLOW
  rules:
    - from: [{ source: { principals: [cluster.local/ns/default/sa/other] } }]
    - from: [{ source: { namespaces: [default] } }]
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

const quiet = ['--component-log-level', 'main:off'];

type Json = Readonly<Record<string, unknown>>;

function renderWorkload(): Json {
  const answer = { status: 200, body: { inline_string: 'x'.repeat(128) } };
  return { static_resources: { listeners: [renderListener(at.app, 8080, { direct_response: answer })] } };
}

/**
 * A proxy as small as it gets: a listener for each protocol, and the workload behind it by the same
 * protocol.
 */
function renderPlainProxy(): Json {
  const endpoint = { endpoint: { address: socketAddress({ address: at.app, port: 8080 }) } };
  const type = 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
  const http2 = { '@type': type, explicit_http_config: { http2_protocol_options: {} } };
  return {
    static_resources: {
      listeners: protocols.map((protocol) =>
        renderListener(at.plain, ports[protocol], { route: { cluster: protocol, timeout: '0s' } }),
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

function renderListener(address: string, port: number, action: Json): Json {
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
