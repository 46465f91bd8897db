// Connections to workloads themselves: through the tunnel to the very address that the client
// dialled, which filter state carries.

import { type EnvoyResource, type MessageTypes, typed, typeUrls } from '../../../envoy-api/index.ts';
import { formatProtoDuration } from '../../../mesh/index.ts';
import type { DialledAction, DirectFrontend, DirectRoute } from '../../model/direct.ts';
import type { HttpRoute } from '../../model/http-route.ts';
import type { WaypointGateway } from '../../model/waypoint.ts';
import { listAllowPolicies } from '../authorization.ts';
import { noLimits } from '../clusters/connections.ts';
import { connectOriginate, directHttp, encap } from '../names.ts';
import { renderFilterChain } from '../routes/filter-chain.ts';
import { renderRetry } from '../routes/retry.ts';
import { renderRouteMatch } from '../routes/match.ts';
import { findFeatures, renderRoute, renderRoutes } from '../routes/route-configuration.ts';
import { describeService } from './access-log.ts';
import { renderWorkloadTunnels } from './connect-routes.ts';
import { renderRequestScope, renderWorkloadScope } from './scopes.ts';

/**
 * The resources of workloads: the routes of their tunnels and of their requests, the scopes of
 * both, and the cluster.
 */
export function renderDirectResources(frontend: DirectFrontend, gateway: WaypointGateway): readonly EnvoyResource[] {
  return [
    renderWorkloadScope(),
    renderWorkloadTunnels(frontend),
    renderRequestScope(directHttp),
    renderRequests(frontend, gateway),
    renderEncap(),
  ];
}

function renderRequests({ http, authentication, routes }: DirectFrontend, gateway: WaypointGateway): EnvoyResource {
  const { namespace, name } = gateway;
  const written = routes.filter((route): route is HttpRoute => !isDialled(route));
  return renderRoutes(directHttp, [
    {
      name: 'inbound|http|0',
      domains: ['*'],
      metadata: {
        filter_metadata: {
          cairn: { ...describeService({ host: 'unknown', namespace, name }), ...listAllowPolicies(http) },
        },
      },
      typed_per_filter_config: {
        ...renderFilterChain({ authorization: http, authentication, has: findFeatures(written) }),
      },
      routes: routes.map((route) => (isDialled(route) ? renderDialled(route) : renderRoute(route))),
    },
  ]);
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
