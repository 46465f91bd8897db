// The Envoy that authorization tests run against: it plays both sides of a waypoint. A listener
// takes CONNECT and passes the client's identity (from a header) and address on as filter state;
// each case has an internal listener with the filters that are rendered for it.

import { typed } from '../../envoy-api/index.ts';
import type { Authorization } from '../../generator/model/authorization.ts';
import {
  listAllowPolicies,
  renderObservedVerdict,
  renderTunnelAuthorization,
  tcpVerdict,
  tunnelAllowFilter,
  tunnelDenyFilter,
} from '../../generator/render/authorization.ts';
import { closedChain, renderFilterChain } from '../../generator/render/routes/filter-chain.ts';
import { renderRoute } from '../../generator/render/routes/route-configuration.ts';
import { resolveAuthorization } from '../../generator/resolve/authorization/authorization.ts';
import { ambiguousPathRefused } from '../../generator/resolve/frontend/path-normalization.ts';
import { defaultMeshSettings, MeshStore } from '../../mesh/index.ts';
import type { AuthorizationPolicySpec, PathNormalization } from '../../mesh/index.ts';
import { testMachine } from '../support/mesh.ts';
import { type SocketAddress, socketAddress } from '../support/envoy.ts';

type Config = Record<string, unknown>;

/**
 * `tcp` is decided on the CONNECT; for `chain` the CONNECT passes the verdict on, as for a port
 * that is sniffed.
 */
export type Level = 'http' | 'tcp' | 'chain';

/** Policies of a service of its own. */
export interface PolicyCase {
  readonly policies: readonly Omit<AuthorizationPolicySpec, 'targetRefs'>[];
  readonly level: Level;
  /** The path normalization; absent: none is configured. */
  readonly pathNormalization?: PathNormalization;
}

const pathOptions: Readonly<Record<PathNormalization, Config>> = {
  NONE: {},
  BASE: { normalize_path: true },
  MERGE_SLASHES: { normalize_path: true, merge_slashes: true },
  DECODE_AND_MERGE_SLASHES: {
    normalize_path: true,
    merge_slashes: true,
    path_with_escaped_slashes_action: 'UNESCAPE_AND_FORWARD',
  },
};

function authorize(name: string, { policies, level, pathNormalization }: PolicyCase): Authorization {
  const mesh = new MeshStore({ ...defaultMeshSettings, machine: testMachine });
  mesh.apply(
    policies.map((spec, index) => ({
      type: 'put',
      object: {
        apiVersion: 'security.istio.io/v1',
        kind: 'AuthorizationPolicy',
        metadata: { name: `${name}-${index}`, namespace: 'default', labels: {}, annotations: {} },
        spec: { ...spec, targetRefs: [{ kind: 'Service', name }] },
      },
    })),
  );
  const gateway = {
    namespace: 'default',
    name: 'waypoint',
    className: 'istio-waypoint',
    trafficType: 'service',
    listenAddress: '0.0.0.0',
  } as const;
  const service = { kind: 'Service', namespace: 'default', name } as const;
  const protocol = level === 'http' ? 'http' : 'tcp';
  return resolveAuthorization(
    { mesh, report: () => undefined },
    {
      gateway,
      service,
      port: 80,
      protocol,
      ...(pathNormalization === undefined ? {} : { pathNormalization }),
    },
  );
}

/** The policies of a case at one level; at the others it is open. */
function authorizeAt(level: Level, name: string, own: PolicyCase): Authorization {
  return authorize(name, own.level === level ? own : { policies: [], level });
}

function renderTunnelRules(name: string, own: PolicyCase): Config {
  return {
    typed_per_filter_config:
      own.level === 'chain'
        ? renderObservedVerdict(authorize(name, own))
        : renderTunnelAuthorization(authorizeAt('tcp', name, own)),
  };
}

function renderRequestRules(name: string, own: PolicyCase): Config {
  const authorization = authorizeAt('http', name, own);
  const has = { fault: false, cors: false, session: false };
  return {
    typed_per_filter_config: renderFilterChain({ authorization, authentication: { providers: [] }, has }),
    metadata: { filter_metadata: { cairn: listAllowPolicies(authorization) } },
  };
}

const router = { name: 'router', typed_config: typed('envoy.extensions.filters.http.router.v3.Router', {}) };

function connectionManager(name: string, config: Config): Config {
  const type = 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
  return { name: 'hcm', typed_config: { '@type': `type.googleapis.com/${type}`, stat_prefix: name, ...config } };
}

/** The chain takes only tunnels whose verdict allows. */
function renderVerdictMatcher({ level }: PolicyCase): Config {
  if (level !== 'chain') return {};
  const action = {
    name: 'allowed',
    typed_config: { '@type': 'type.googleapis.com/google.protobuf.StringValue', value: 'allowed' },
  };
  const input = {
    name: 'verdict',
    typed_config: typed('envoy.extensions.matching.common_inputs.network.v3.FilterStateInput', {
      key: 'cairn.verdict',
    }),
  };
  const map = { [tcpVerdict.allowed]: { action } };
  return { filter_chain_matcher: { matcher_tree: { input, exact_match_map: { map } } } };
}

/**
 * The bootstrap. The case `<name>` is reached by CONNECT to `<name>:80`, and the identity comes
 * from `x-test-identity`.
 */
export function renderBootstrap(cases: Readonly<Record<string, PolicyCase>>, at: SocketAddress): Config {
  const state = (key: string, format: string, factory?: string): Config => ({
    object_key: key,
    ...(factory === undefined ? {} : { factory_key: factory }),
    format_string: { text_format_source: { inline_string: format } },
    shared_with_upstream: 'ONCE',
  });
  const setState = {
    name: 'connect_authority',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.filters.http.set_filter_state.v3.Config',
      on_request_headers: [
        state('envoy.filters.listener.original_dst.remote_ip', '%DOWNSTREAM_REMOTE_ADDRESS%'),
        state('io.istio.peer_principal', '%REQ(x-test-identity)%', 'envoy.hashable_string'),
      ],
    },
  };
  const setVerdict = {
    name: 'verdict',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.filters.http.set_filter_state.v3.Config',
      on_request_headers: [state('cairn.verdict', tcpVerdict.format, 'envoy.hashable_string')],
    },
  };
  const entries = Object.entries(cases);
  const outer = {
    name: 'connect_terminate',
    address: socketAddress(at),
    filter_chains: [
      {
        filters: [
          connectionManager('outer', {
            upgrade_configs: [{ upgrade_type: 'CONNECT' }],
            http_filters: [setState, tunnelDenyFilter, tunnelAllowFilter, setVerdict, router],
            route_config: {
              virtual_hosts: entries.map(([name, own]) => ({
                name,
                domains: [`${name}:80`],
                ...renderTunnelRules(name, own),
                routes: [
                  {
                    match: { connect_matcher: {} },
                    route: {
                      cluster: name,
                      timeout: '0s',
                      upgrade_configs: [{ upgrade_type: 'CONNECT', connect_config: {} }],
                    },
                  },
                ],
              })),
            },
          }),
        ],
      },
    ],
  };
  const inner = entries.map(([name, own]) => ({
    name,
    internal_listener: {},
    listener_filters: [
      {
        name: 'original_dst',
        typed_config: typed('envoy.extensions.filters.listener.original_dst.v3.OriginalDst', {}),
      },
    ],
    ...renderVerdictMatcher(own),
    filter_chains: [
      {
        name: 'allowed',
        filters: [
          connectionManager(name, {
            ...pathOptions[own.pathNormalization ?? 'BASE'],
            http_filters: [closedChain, router],
            access_log: [
              {
                name: 'stdout',
                typed_config: {
                  '@type': 'type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog',
                  log_format: {
                    text_format_source: {
                      inline_string: `${name} %RESPONSE_CODE% %RESPONSE_CODE_DETAILS% tried=%METADATA(VIRTUAL_HOST:cairn:allow_policies)%\n`,
                    },
                  },
                },
              },
            ],
            route_config: {
              virtual_hosts: [
                {
                  name: 'inbound',
                  domains: ['*'],
                  ...renderRequestRules(name, own),
                  routes: [
                    ...(own.pathNormalization === undefined && authorize(name, own).readsPath
                      ? [renderRoute(ambiguousPathRefused)]
                      : []),
                    { match: { prefix: '/' }, direct_response: { status: 200 } },
                  ],
                },
              ],
            },
          }),
        ],
      },
    ],
  }));
  const clusters = entries.map(([name]) => ({
    name,
    load_assignment: {
      cluster_name: name,
      endpoints: [
        { lb_endpoints: [{ endpoint: { address: { envoy_internal_address: { server_listener_name: name } } } }] },
      ],
    },
    transport_socket: {
      name: 'internal_upstream',
      typed_config: {
        '@type':
          'type.googleapis.com/envoy.extensions.transport_sockets.internal_upstream.v3.InternalUpstreamTransport',
        transport_socket: {
          name: 'raw',
          typed_config: { '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer' },
        },
      },
    },
  }));
  return {
    bootstrap_extensions: [
      {
        name: 'internal_listener',
        typed_config: {
          '@type': 'type.googleapis.com/envoy.extensions.bootstrap.internal_listener.v3.InternalListener',
        },
      },
    ],
    layered_runtime: { layers: [{ name: 'static', static_layer: { 're2.max_program_size.error_level': 32_768 } }] },
    static_resources: { listeners: [outer, ...inner], clusters },
  };
}
