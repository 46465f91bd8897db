// A waypoint as it runs: a real Envoy that takes its configuration by delta ADS from a store which
// changes under it, and its certificates by SDS.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ServerCredentials } from '@grpc/grpc-js';
import { SecretServer } from '../../agent/secret-server.ts';
import { renderStatsConfig } from '../../bootstrap/bootstrap.ts';
import { ownCertificateSecret, rootSecret, runtimeKeys } from '../../bootstrap/index.ts';
import { renderSdsCluster } from '../../bootstrap/clusters.ts';
import { type Authority, createAuthority } from '../../certificates/index.ts';
import { Generator, listWaypoints } from '../../generator/index.ts';
import {
  type AnyMeshObject,
  defaultMeshSettings,
  type MeshChange,
  type MeshSettings,
  MeshStore,
} from '../../mesh/index.ts';
import { type ProxyStatus, SnapshotCache, XdsServer } from '../../xds/index.ts';
import { type RunningEnvoy, socketAddress, startEnvoy } from './envoy.ts';
import { connectHbone, type HboneConnection } from './hbone-client.ts';
import { testMachine } from './mesh.ts';
import { type CertificateTexts, issueTexts } from './test-certificates.ts';
import { waitFor } from './wait.ts';

/** A running waypoint with its control plane in this process. */
export interface ServedWaypoint {
  readonly envoy: RunningEnvoy;
  /** Of its certificate, and of those that it trusts. */
  readonly authority: Authority;
  /** When Envoy was started, by `performance.now()`. */
  readonly startedAt: number;
  /** Changes the configuration; its results are on their way when this returns. */
  readonly apply: (changes: readonly MeshChange[]) => void;
  /** Waits until Envoy has accepted everything. */
  readonly synced: () => Promise<void>;
  readonly status: () => ProxyStatus | undefined;
  /** Envoy's refusals, in its words. */
  readonly refusals: readonly string[];
  /** An HBONE connection as a service account of namespace `bench`. */
  readonly connectAs: (account: string) => Promise<HboneConnection>;
  /** Ends the control plane; Envoy goes on. */
  readonly leave: () => Promise<void>;
  /** Starts another control plane in its place, which has forgotten everything but the mesh. */
  readonly comeBack: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

/** How to start the Envoy. */
export interface ServedEnvoyOptions {
  /** Two workers by default. */
  readonly concurrency?: number;
  readonly timeout?: number;
  readonly args?: readonly string[];
  /** How long request metrics stay that nobody counts; for good by default. */
  readonly evictionInterval?: string;
}

/** How to serve the waypoint. */
export interface ServedWaypointOptions extends ServedEnvoyOptions {
  /** The results of a change are computed and served one part at a time; by default all at once. */
  readonly partByPart?: boolean;
  readonly settings?: Partial<MeshSettings>;
  /** With more services than this, the waypoint gets those that clients ask for; all by default. */
  readonly onDemandAbove?: number;
}

/** Starts the only waypoint of `objects`, which listens for HBONE on `host`. */
export async function startServedWaypoint(
  objects: readonly AnyMeshObject[],
  host: string,
  { partByPart = false, onDemandAbove = Infinity, settings = {}, ...options }: ServedWaypointOptions = {},
): Promise<ServedWaypoint> {
  const store = new MeshStore({ ...defaultMeshSettings, machine: testMachine, ...settings });
  const refusals: string[] = [];
  let { generator, cache } = makeControlPlane();
  function makeControlPlane(): { readonly generator: Generator; readonly cache: SnapshotCache } {
    const made = { generator: new Generator(store, { eager: onDemandAbove }), cache: new SnapshotCache() };
    made.cache.onWanted((wanted, names) => {
      for (const name of names) made.generator.want(wanted, name);
      setImmediate(advance);
    });
    return made;
  }
  function advance(): void {
    for (const [key, change] of generator.advance(() => !partByPart).proxies) cache.apply(key, change);
    if (!generator.isUpToDate) setImmediate(advance);
  }
  const apply = (changes: readonly MeshChange[]): void => {
    generator.invalidate(store.apply(changes));
    advance();
  };
  apply(objects.map((object) => ({ type: 'put', object })));
  const [gateway] = listWaypoints(store);
  if (gateway === undefined) throw new Error('the configuration has no waypoint');
  const key = `waypoint/${gateway.namespace}/${gateway.name}`;
  const authority = await createAuthority({ trustDomain: 'cluster.local', now: new Date() });
  const own = await issueTexts(authority, `spiffe://cluster.local/ns/${gateway.namespace}/sa/${gateway.name}`);
  const makeServer = (): XdsServer =>
    new XdsServer({
      cache,
      authorize: () => ({ key }),
      log: (_level, message, fields) => {
        if (message === 'proxy refused resources') refusals.push(JSON.stringify(fields));
      },
    });
  let xds = makeServer();
  const address = await xds.start('127.0.0.1:0', ServerCredentials.createInsecure());
  const startedAt = performance.now();
  const envoy = await startWaypointEnvoy({ ...options, own, server: { port: Number(address.split(':')[1]) }, node });
  const certificates = new Map<string, ReturnType<typeof issueTexts>>();
  const status = (): ProxyStatus | undefined => xds.status()[0];
  return {
    envoy,
    authority,
    startedAt,
    apply,
    status,
    refusals,
    synced: async () => {
      await waitFor(() => generator.isUpToDate && status()?.state === 'SYNCED', {
        what: 'a synced proxy',
        timeout: 60_000,
        interval: 2,
      });
    },
    connectAs: async (account) => {
      const known = certificates.get(account) ?? issueTexts(authority, `spiffe://cluster.local/ns/bench/sa/${account}`);
      certificates.set(account, known);
      return connectHbone({ waypoint: { host, port: 15008 }, certificate: await known });
    },
    leave: () => xds.stop(),
    comeBack: async () => {
      ({ generator, cache } = makeControlPlane());
      advance();
      xds = makeServer();
      await xds.start(address, ServerCredentials.createInsecure());
    },
    stop: async () => {
      await envoy.stop();
      await xds.stop();
    },
  };
}

const node: WaypointEnvoyOptions['node'] = {
  id: 'waypoint~127.0.0.1~waypoint.bench~bench.svc.cluster.local',
  cluster: 'waypoint.bench',
};

/** The start options of a waypoint's Envoy. */
export interface WaypointEnvoyOptions extends ServedEnvoyOptions {
  /** The waypoint's certificate. */
  readonly own: CertificateTexts;
  /** The control plane, on 127.0.0.1; with `name` by mutual TLS, of that name. */
  readonly server: { readonly port: number; readonly name?: string };
  readonly node: Readonly<Record<string, unknown>>;
}

/**
 * Starts an Envoy that takes its configuration from a control plane, and its certificates by SDS.
 */
export async function startWaypointEnvoy(options: WaypointEnvoyOptions): Promise<RunningEnvoy> {
  const { own } = options;
  const folder = mkdtempSync(join(tmpdir(), 'cairn-served-'));
  const secrets = new SecretServer({ onWanted: () => undefined, onUnwanted: () => undefined, log: () => undefined });
  const sdsSocket = join(folder, 'sds.sock');
  await secrets.start(sdsSocket);
  secrets.set(ownCertificateSecret, {
    tls_certificate: { certificate_chain: { inline_string: own.cert }, private_key: { inline_string: own.key } },
  });
  secrets.set(rootSecret, { validation_context: { trusted_ca: { inline_string: own.ca } } });
  const envoy = await startEnvoy({
    config: renderConfig(options, sdsSocket),
    concurrency: options.concurrency ?? 2,
    logLevel: 'warning',
    timeout: options.timeout ?? 60_000,
    args: options.args ?? [],
  });
  return {
    ...envoy,
    stop: async () => {
      await envoy.stop();
      await secrets.stop();
      rmSync(folder, { recursive: true });
    },
  };
}

function renderConfig(
  { server, own, node: introduced, evictionInterval }: WaypointEnvoyOptions,
  sdsSocket: string,
): Readonly<Record<string, unknown>> {
  const ads = { ads: {}, resource_api_version: 'V3', initial_fetch_timeout: '0s' };
  return {
    node: introduced,
    dynamic_resources: {
      ads_config: {
        api_type: 'DELTA_GRPC',
        transport_api_version: 'V3',
        grpc_services: [{ envoy_grpc: { cluster_name: 'xds' } }],
      },
      cds_config: ads,
      lds_config: ads,
    },
    static_resources: {
      clusters: [
        renderSdsCluster(sdsSocket),
        {
          name: 'xds',
          connect_timeout: '5s',
          typed_extension_protocol_options: {
            'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
              '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
              explicit_http_config: { http2_protocol_options: {} },
            },
          },
          ...(server.name === undefined ? {} : { transport_socket: renderTls(own, server.name) }),
          load_assignment: {
            cluster_name: 'xds',
            endpoints: [
              { lb_endpoints: [{ endpoint: { address: socketAddress({ address: '127.0.0.1', port: server.port }) } }] },
            ],
          },
        },
      ],
    },
    layered_runtime: { layers: [{ name: 'static', static_layer: runtimeKeys }] },
    bootstrap_extensions: [
      {
        name: 'envoy.bootstrap.internal_listener',
        typed_config: {
          '@type': 'type.googleapis.com/envoy.extensions.bootstrap.internal_listener.v3.InternalListener',
        },
      },
    ],
    deferred_stat_options: { enable_deferred_creation_stats: true },
    stats_config: renderStatsConfig(),
    ...(evictionInterval === undefined ? {} : { stats_eviction_interval: evictionInterval }),
  };
}

function renderTls(own: CertificateTexts, name: string): Readonly<Record<string, unknown>> {
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
      sni: name,
      common_tls_context: {
        tls_params: { tls_maximum_protocol_version: 'TLSv1_3' },
        alpn_protocols: ['h2'],
        tls_certificates: [{ certificate_chain: { inline_string: own.cert }, private_key: { inline_string: own.key } }],
        validation_context: { trusted_ca: { inline_string: own.ca } },
      },
    },
  };
}
