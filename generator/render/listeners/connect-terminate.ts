// `connect_terminate`: HBONE in. It does mTLS and HTTP/2 CONNECT, finds the routes of the tunnel by
// its authority, asks the TCP policies there, and passes on who the client is and where the tunnel
// leads, as filter state.

import { type EnvoyResource, type MessageTypes, typed, typeUrls } from '../../../envoy-api/index.ts';
import { hbonePort } from '../../../mesh/index.ts';
import type { ListenerModel } from '../../model/waypoint.ts';
import { tcpVerdict, tunnelAllowFilter, tunnelDenyFilter } from '../authorization.ts';
import { connectTerminate, filterState, scopeHeaders, scopeKeys, secrets } from '../names.ts';
import { renderHboneTls, renderServerTls, trustDomainPeers } from '../tls.ts';
import { holdTunnelEnd } from '../tunnel-end.ts';
import { tunnelHttp2Options } from '../tunnel-http2.ts';
import { renderRefusedTunnelLog } from './access-log.ts';
import { authorityFilter } from './authorities.ts';
import { makeDiscovery, nameManager, renderExtension } from './extension.ts';
import { managerType, router } from './http-manager.ts';
import { renderScopedRoutes, writeScopeHeader } from './scopes.ts';

/** A tunnel without a byte for this long ends: a forgotten tunnel is not kept for good. */
const tunnelIdleTimeout = '3600s';
/**
 * A tunnel that nobody asked for before waits this long for the control plane, and is answered 408
 * then. Envoy itself would wait for good.
 */
const firstTunnelTimeout = '5s';

/** The Gateway's part of the listener. */
type Place = Pick<ListenerModel, 'gateway' | 'trustDomains'>;

/**
 * The listener. Its connection manager comes by ECDS, so that it changes with the Gateway alone.
 */
export function renderConnectTerminate(place: Place): EnvoyResource {
  const json = renderListener(place, nameConnectManager(place));
  return { typeUrl: typeUrls.listener, name: connectTerminate, json };
}

function nameConnectManager(place: Place): string {
  return nameManager(connectTerminate, renderListener(place, ''));
}

function renderListener(
  { gateway, trustDomains }: Place,
  manager: string,
): MessageTypes['envoy.config.listener.v3.Listener'] {
  return {
    name: connectTerminate,
    address: { socket_address: { address: gateway.listenAddress, port_value: hbonePort } },
    traffic_direction: 'INBOUND',
    connection_balance_config: { exact_balance: {} },
    filter_chains: [
      {
        name: 'default',
        transport_socket: renderServerTls(renderHboneTls(secrets.certificate, trustDomainPeers(trustDomains))),
        filters: [{ name: manager, config_discovery: makeDiscovery(managerType) }],
      },
    ],
  };
}

/** Its connection manager. */
export function renderConnectManager({ accessLog, ...place }: Place & Pick<ListenerModel, 'accessLog'>): EnvoyResource {
  return renderExtension(
    nameConnectManager(place),
    typed(managerType, {
      stat_prefix: connectTerminate,
      codec_type: 'HTTP2',
      early_header_mutation_extensions: [
        writeScopeHeader(scopeHeaders.connect, `${scopeKeys.authority}%REQ(:AUTHORITY)%`),
      ],
      scoped_routes: renderScopedRoutes('tunnels', scopeHeaders.connect),
      use_remote_address: false,
      stream_idle_timeout: tunnelIdleTimeout,
      request_timeout: firstTunnelTimeout,
      upgrade_configs: [{ upgrade_type: 'CONNECT' }],
      http2_protocol_options: tunnelHttp2Options,
      access_log: renderRefusedTunnelLog(accessLog),
      http_filters: [
        clientState,
        authorityFilter,
        onDemand,
        tunnelDenyFilter,
        destinationState,
        tunnelAllowFilter,
        verdictState,
        holdTunnelEnd,
        router,
      ],
    }),
  );
}

/** Waits for the routes of a tunnel that nobody asked for before. */
const onDemand = {
  name: 'envoy.filters.http.on_demand',
  typed_config: typed('envoy.extensions.filters.http.on_demand.v3.OnDemand', {}),
};

/**
 * Identities are part of the key of the pool to the internal listeners only as hashable objects:
 * otherwise two clients could share a connection.
 */
const hashable = 'envoy.hashable_string';

/** The client, and the address that it dialled. The route is chosen anew by them. */
const clientState = {
  name: 'cairn.client',
  typed_config: typed('envoy.extensions.filters.http.set_filter_state.v3.Config', {
    clear_route_cache: true,
    on_request_headers: [
      state(filterState.originalDestination, '%REQ(:AUTHORITY)%'),
      // The direct one: the plain remote address would follow an x-forwarded-for that the client
      // writes on its CONNECT.
      state(filterState.originalSource, '%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%'),
      state(filterState.sourceAddress, '%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%', hashable),
      state(filterState.authority, '%REQ(:AUTHORITY)%', hashable),
      state(filterState.identity, '%DOWNSTREAM_PEER_URI_SAN%', hashable),
      state(filterState.localIdentity, '%DOWNSTREAM_LOCAL_URI_SAN%', hashable),
    ],
  }),
};

/**
 * Everything behind the tunnel follows from the one route that the policies are asked for. A filter
 * of policies has to come before: formats read a route and do not choose one.
 */
const destinationState = {
  name: 'cairn.destination',
  typed_config: typed('envoy.extensions.filters.http.set_filter_state.v3.Config', {
    on_request_headers: (['frontend', 'manager', 'cluster'] as const).map((key) =>
      state(filterState[key], `%METADATA(ROUTE:cairn:${key})%`, hashable),
    ),
  }),
};

const verdictState = {
  name: 'cairn.verdict',
  typed_config: typed('envoy.extensions.filters.http.set_filter_state.v3.Config', {
    on_request_headers: [state(filterState.verdict, tcpVerdict.format, hashable)],
  }),
};

function state(
  key: string,
  format: string,
  factory?: string,
): MessageTypes['envoy.extensions.filters.common.set_filter_state.v3.FilterStateValue'] {
  return {
    object_key: key,
    ...(factory === undefined ? {} : { factory_key: factory }),
    format_string: { text_format_source: { inline_string: format } },
    shared_with_upstream: 'ONCE',
  };
}
