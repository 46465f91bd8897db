// A waypoint that somebody wrote by hand for one service: HBONE in, one connection manager behind
// the tunnel, HBONE out, and just the filters that its policies need. Cairn's waypoint is compared
// with it.

import type { Json, JsonObject, SecretFiles } from '../../envoy-api/index.ts';
import { type RunningEnvoy, socketAddress, startEnvoy } from '../../test/support/envoy.ts';
import { quiet } from './static-proxy.ts';

/** A waypoint of one service. */
export interface HandWritten {
  /** Where it accepts HBONE. */
  readonly address: string;
  readonly secrets: SecretFiles;
  /** The workload, which a node proxy serves. */
  readonly workload: { readonly address: string; readonly port: number };
  /** Access logs and metrics of its connection manager. */
  readonly logs: readonly Json[];
  /** Whether routes have Istio's retries. */
  readonly retries: boolean;
  /** Whether it has the policies and the routes of `data-path`. */
  readonly hasPolicies: boolean;
}

/** Starts it with one worker. */
export async function startHandWritten(waypoint: HandWritten): Promise<RunningEnvoy> {
  const config = {
    bootstrap_extensions: [
      {
        name: 'internal_listener',
        typed_config: typed('bootstrap.internal_listener.v3.InternalListener', {}),
      },
    ],
    static_resources: {
      listeners: [renderTerminate(waypoint), renderInternal(waypoint), renderOriginate()],
      clusters: [renderInternalCluster(), renderWorkload(waypoint), renderTunnels(waypoint)],
    },
  };
  return startEnvoy({ config, ...quiet });
}

function typed(type: string, fields: JsonObject): JsonObject {
  return { '@type': `type.googleapis.com/envoy.extensions.${type}`, ...fields };
}

const identity = 'io.istio.peer_principal';
const router = { name: 'router', typed_config: typed('filters.http.router.v3.Router', {}) };
const originalDestination = {
  name: 'original_dst',
  typed_config: typed('filters.listener.original_dst.v3.OriginalDst', {}),
};

function renderTerminate({ address, secrets }: HandWritten): JsonObject {
  return {
    name: 'terminate',
    address: { ...socketAddress({ address, port: 15_008 }) },
    filter_chains: [
      {
        transport_socket: {
          name: 'tls',
          typed_config: typed('transport_sockets.tls.v3.DownstreamTlsContext', {
            require_client_certificate: true,
            common_tls_context: renderTls(secrets),
          }),
        },
        filters: [
          renderManager({
            stat_prefix: 'terminate',
            codec_type: 'HTTP2',
            http2_protocol_options: { allow_connect: true },
            upgrade_configs: [{ upgrade_type: 'CONNECT' }],
            http_filters: [renderClient(), router],
            route_config: renderRoutes([
              {
                match: { connect_matcher: {} },
                route: {
                  cluster: 'internal',
                  timeout: '0s',
                  upgrade_configs: [{ upgrade_type: 'CONNECT', connect_config: {} }],
                },
              },
            ]),
          }),
        ],
      },
    ],
  };
}

/** Passes the client and the address that it dialled on to the connection behind the tunnel. */
function renderClient(): JsonObject {
  const states = [
    ['envoy.filters.listener.original_dst.local_ip', '%REQ(:AUTHORITY)%'],
    ['envoy.filters.listener.original_dst.remote_ip', '%DOWNSTREAM_REMOTE_ADDRESS%'],
    [identity, '%DOWNSTREAM_PEER_URI_SAN%', 'envoy.hashable_string'],
  ].map(([key = '', format = '', factory]) => ({
    object_key: key,
    ...(factory === undefined ? {} : { factory_key: factory }),
    format_string: { text_format_source: { inline_string: format } },
    shared_with_upstream: 'ONCE',
  }));
  return {
    name: 'client',
    typed_config: typed('filters.http.set_filter_state.v3.Config', { on_request_headers: states }),
  };
}

function renderInternal({ logs, retries, hasPolicies }: HandWritten): JsonObject {
  return {
    name: 'internal',
    internal_listener: {},
    listener_filters: [originalDestination],
    filter_chains: [
      {
        filters: [
          renderManager({
            stat_prefix: 'internal',
            access_log: logs,
            http_filters: [...(hasPolicies ? [renderRbac('DENY', denied), renderRbac('ALLOW', allowed)] : []), router],
            route_config: renderRoutes(
              hasPolicies
                ? routesWithPolicies
                : [{ match: { prefix: '/' }, route: { ...route, ...(retries ? { retry_policy: retry } : {}) } }],
            ),
          }),
        ],
      },
    ],
  };
}

const route = { cluster: 'workload', timeout: '0s' };

const retry = {
  retry_on: 'connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes',
  num_retries: 2,
  retry_host_predicate: [
    {
      name: 'previous_hosts',
      typed_config: typed('retry.host.previous_hosts.v3.PreviousHostsPredicate', {}),
    },
  ],
  host_selection_retry_max_attempts: 5,
};

const routesWithPolicies: readonly Json[] = [
  { match: { prefix: '/v2/' }, route },
  { match: { prefix: '/', headers: [{ name: 'x-user', string_match: { exact: 'tester' } }] }, route },
  {
    match: { prefix: '/' },
    route: { ...route, timeout: '10s', retry_policy: { ...retry, per_try_timeout: '2s' } },
    request_headers_to_add: [
      { header: { key: 'x-via', value: 'waypoint' }, append_action: 'OVERWRITE_IF_EXISTS_OR_ADD' },
    ],
  },
];

const anyone = { any: true };
const client = (match: JsonObject): JsonObject => ({ filter_state: { key: identity, string_match: match } });
const path = (prefix: string): JsonObject => ({ url_path: { path: { prefix } } });
const account = (name: string): JsonObject => client({ exact: `spiffe://cluster.local/ns/bench/sa/${name}` });

const denied = {
  strangers: { permissions: [anyone], principals: [account('stranger')] },
  paths: { permissions: [path('/internal/'), path('/admin/')], principals: [anyone] },
};

const allowed = {
  others: { permissions: [anyone], principals: [account('other')] },
  items: {
    permissions: [
      { and_rules: { rules: [{ header: { name: ':method', string_match: { exact: 'GET' } } }, path('/items/')] } },
    ],
    principals: [client({ prefix: 'spiffe://cluster.local/ns/bench/' })],
  },
};

function renderRbac(action: 'DENY' | 'ALLOW', policies: JsonObject): JsonObject {
  return { name: action, typed_config: typed('filters.http.rbac.v3.RBAC', { rules: { action, policies } }) };
}

function renderManager(fields: JsonObject): JsonObject {
  const type = 'filters.network.http_connection_manager.v3.HttpConnectionManager';
  return { name: 'http_connection_manager', typed_config: typed(type, fields) };
}

function renderRoutes(routes: readonly Json[]): JsonObject {
  return { virtual_hosts: [{ name: 'all', domains: ['*'], routes }] };
}

/** Bytes that are written into it go through a CONNECT to the workload. */
function renderOriginate(): JsonObject {
  const proxy = typed('filters.network.tcp_proxy.v3.TcpProxy', {
    stat_prefix: 'originate',
    cluster: 'tunnels',
    tunneling_config: { hostname: '%DOWNSTREAM_LOCAL_ADDRESS%' },
  });
  return {
    name: 'originate',
    internal_listener: {},
    listener_filters: [originalDestination],
    filter_chains: [{ filters: [{ name: 'tcp_proxy', typed_config: proxy }] }],
  };
}

function renderInternalCluster(): JsonObject {
  return {
    name: 'internal',
    load_assignment: { cluster_name: 'internal', endpoints: [{ lb_endpoints: [renderInternalEndpoint('internal')] }] },
    transport_socket: renderInternalSocket([]),
  };
}

function renderWorkload({ workload: { address, port } }: HandWritten): JsonObject {
  const metadata = { filter_metadata: { [metadataOfHost]: { local: `${address}:${port}` } } };
  const endpoint = { ...renderInternalEndpoint('originate'), metadata };
  return {
    name: 'workload',
    load_assignment: { cluster_name: 'workload', endpoints: [{ lb_endpoints: [endpoint] }] },
    transport_socket: renderInternalSocket([{ kind: { host: {} }, name: metadataOfHost }]),
    ...renderProtocol({ use_downstream_protocol_config: { http_protocol_options: {}, http2_protocol_options: {} } }),
  };
}

const metadataOfHost = 'envoy.filters.listener.original_dst';

function renderInternalEndpoint(listener: string): JsonObject {
  return { endpoint: { address: { envoy_internal_address: { server_listener_name: listener } } } };
}

function renderInternalSocket(passed: readonly Json[]): JsonObject {
  return {
    name: 'internal_upstream',
    typed_config: typed('transport_sockets.internal_upstream.v3.InternalUpstreamTransport', {
      passthrough_metadata: passed,
      transport_socket: {
        name: 'raw_buffer',
        typed_config: typed('transport_sockets.raw_buffer.v3.RawBuffer', {}),
      },
    }),
  };
}

function renderTunnels({ secrets }: HandWritten): JsonObject {
  return {
    name: 'tunnels',
    type: 'ORIGINAL_DST',
    lb_policy: 'CLUSTER_PROVIDED',
    original_dst_lb_config: { upstream_port_override: 15_008 },
    ...renderProtocol({ explicit_http_config: { http2_protocol_options: { allow_connect: true } } }),
    transport_socket: {
      name: 'tls',
      typed_config: typed('transport_sockets.tls.v3.UpstreamTlsContext', { common_tls_context: renderTls(secrets) }),
    },
  };
}

function renderProtocol(options: JsonObject): JsonObject {
  const type = 'upstreams.http.v3.HttpProtocolOptions';
  return { typed_extension_protocol_options: { [`envoy.extensions.${type}`]: typed(type, options) } };
}

function renderTls({ certificates, roots }: SecretFiles): JsonObject {
  const { chain = '', key = '' } = certificates['default'] ?? {};
  return {
    alpn_protocols: ['h2'],
    tls_params: { tls_minimum_protocol_version: 'TLSv1_3', tls_maximum_protocol_version: 'TLSv1_3' },
    tls_certificates: [{ certificate_chain: { filename: chain }, private_key: { filename: key } }],
    validation_context: { trusted_ca: { filename: roots } },
  };
}
