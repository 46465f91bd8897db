// The chains of connections to workloads themselves, `direct-http` and `direct-tcp`: through the
// tunnel to the very address that the client dialled, which filter state carries.

import { type EnvoyResource, type MessageTypes, typed, typeUrls } from '../../../envoy-api/index.ts';
import { formatProtoDuration } from '../../../mesh/index.ts';
import type { DialledAction, DirectFrontend, DirectRoute } from '../../model/direct.ts';
import type { ListenerModel } from '../../model/waypoint.ts';
import { renderAuthentication } from '../authentication.ts';
import { renderAuthorization } from '../authorization.ts';
import { renderAuthorizer } from '../authorizer.ts';
import { noLimits } from '../clusters/connections.ts';
import { connectOriginate, directDeclaredTcp, directHttp, directTcp, encap, filterState } from '../names.ts';
import { renderRetry } from '../routes/retry.ts';
import { renderRouteMatch } from '../routes/match.ts';
import { renderRoute } from '../routes/route-configuration.ts';
import { renderConnectionLog } from './access-log.ts';
import { renderManager } from './http-chain.ts';
import { discoverPolicies, renderOpening, renderPolicies } from './tcp-chain.ts';
import type { TcpFrontend } from '../../model/frontend.ts';

type FilterChain = MessageTypes['envoy.config.listener.v3.FilterChain'];
type Filter = MessageTypes['envoy.config.listener.v3.Filter'];

/**
 * Passes the dialled address on to the connection into `connect_originate`: filter state does not
 * cross internal connections by itself.
 */
const dialledAddress: Filter = {
  name: 'connect_authority',
  typed_config: typed('envoy.extensions.filters.network.set_filter_state.v3.Config', {
    on_new_connection: [
      {
        object_key: filterState.originalDestination,
        format_string: {
          text_format_source: { inline_string: `%FILTER_STATE(${filterState.originalDestination}:PLAIN)%` },
        },
        shared_with_upstream: 'ONCE',
      },
    ],
  }),
};

/** All chains. */
export function renderDirectChains(
  { paths, tcpPorts }: Pick<DirectFrontend, 'paths' | 'tcpPorts'>,
  model: Pick<ListenerModel, 'gateway' | 'accessLog'>,
): readonly FilterChain[] {
  const unknown = { host: 'unknown', port: 0, protocol: 'auto', paths } as const;
  const manager: Filter = {
    name: 'envoy.filters.network.http_connection_manager',
    typed_config: renderManager(directHttp, unknown, model.gateway, model),
  };
  const tcp = (name: string, opens: TcpFrontend['opens']): FilterChain => ({
    name,
    filters: [
      dialledAddress,
      ...discoverPolicies(directTcp),
      {
        name: 'envoy.filters.network.tcp_proxy',
        typed_config: typed('envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy', {
          stat_prefix: name,
          cluster: encap,
          ...renderOpening(opens),
          access_log: renderConnectionLog(model.accessLog),
        }),
      },
    ],
  });
  return [
    { name: directHttp, filters: [dialledAddress, manager] },
    tcp(directTcp, 'on-first-bytes'),
    ...(tcpPorts.length === 0 ? [] : [tcp(directDeclaredTcp, 'at-once')]),
  ];
}

/**
 * The resources that the chains refer to: the route configuration, the policies of connections, and
 * the cluster.
 */
export function renderDirectResources(frontend: DirectFrontend): readonly EnvoyResource[] {
  return [
    renderRoutes(frontend),
    renderAuthorizer(directHttp, frontend.http.custom?.authorizer),
    renderAuthentication(directHttp, frontend.authentication),
    ...renderPolicies(directTcp, frontend.tcp),
    renderEncap(),
  ];
}

function renderRoutes({ http, routes }: DirectFrontend): EnvoyResource {
  const { typedPerFilterConfig, metadata } = renderAuthorization(http);
  const json: MessageTypes['envoy.config.route.v3.RouteConfiguration'] = {
    name: directHttp,
    validate_clusters: false,
    virtual_hosts: [
      {
        name: 'inbound|http|0',
        domains: ['*'],
        ...(metadata === undefined ? {} : { metadata }),
        typed_per_filter_config: { ...typedPerFilterConfig },
        routes: routes.map((route) => (isDialled(route) ? renderDialled(route) : renderRoute(route))),
      },
    ],
  };
  return { typeUrl: typeUrls.routeConfiguration, name: directHttp, json };
}

type DialledRoute = Extract<DirectRoute, { readonly action: DialledAction }>;

function isDialled(route: DirectRoute): route is DialledRoute {
  return route.action.kind === 'dialled';
}

function renderDialled({ name, match, action }: DialledRoute): MessageTypes['envoy.config.route.v3.Route'] {
  const { timeoutMilliseconds, retry } = action;
  return {
    name,
    match: renderRouteMatch(match),
    route: {
      cluster: encap,
      timeout: formatProtoDuration(timeoutMilliseconds),
      ...(retry === undefined ? {} : { retry_policy: renderRetry(retry) }),
    },
  };
}

const httpProtocolOptions = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

/**
 * Leads into `connect_originate`, whose tunnel is to the address in the connection's filter state.
 */
function renderEncap(): EnvoyResource {
  const json: MessageTypes['envoy.config.cluster.v3.Cluster'] = {
    name: encap,
    circuit_breakers: noLimits,
    type: 'STATIC',
    connect_timeout: '10s',
    load_assignment: {
      cluster_name: encap,
      endpoints: [
        {
          lb_endpoints: [
            { endpoint: { address: { envoy_internal_address: { server_listener_name: connectOriginate } } } },
          ],
        },
      ],
    },
    typed_extension_protocol_options: {
      [httpProtocolOptions]: typed(httpProtocolOptions, {
        common_http_protocol_options: { idle_timeout: '300s' },
        use_downstream_protocol_config: { http_protocol_options: {}, http2_protocol_options: {} },
      }),
    },
    transport_socket: {
      name: 'internal_upstream',
      typed_config: typed('envoy.extensions.transport_sockets.internal_upstream.v3.InternalUpstreamTransport', {
        transport_socket: {
          name: 'raw_buffer',
          typed_config: typed('envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer', {}),
        },
      }),
    },
  };
  return { typeUrl: typeUrls.cluster, name: encap, json };
}
