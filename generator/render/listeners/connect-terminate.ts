// `connect_terminate`: HBONE in. It does mTLS and HTTP/2 CONNECT, and passes the client's identity
// on as filter state. TCP policies decide here, in a virtual host for each address that they
// protect.

import { type EnvoyResource, type MessageTypes, typed, typeUrls } from '../../../envoy-api/index.ts';
import { formatHostPort, hbonePort } from '../../../mesh/index.ts';
import { type Authorization, openAuthorization } from '../../model/authorization.ts';
import type { ConnectAuthority, ConnectModel } from '../../model/connect.ts';
import type { ListenerModel } from '../../model/waypoint.ts';
import { renderAuthorization, renderAuthorizationFilters } from '../authorization.ts';
import { connectTerminate, filterState, mainInternal, secrets } from '../names.ts';
import { aggregatedSource, renderHboneTls, renderServerTls, trustDomainPeers } from '../tls.ts';
import { holdTunnelEnd } from '../tunnel-end.ts';
import { tunnelHttp2Options } from '../tunnel-http2.ts';
import { renderRefusedTunnelLog } from './access-log.ts';
import { router } from './http-chain.ts';

/** A tunnel without a byte for this long ends: a forgotten tunnel is not kept for good. */
const tunnelIdleTimeout = '3600s';

type VirtualHost = MessageTypes['envoy.config.route.v3.VirtualHost'];

/** The listener. */
export function renderConnectTerminate(
  model: Pick<ListenerModel, 'gateway' | 'trustDomains' | 'accessLog'>,
): EnvoyResource {
  const json: MessageTypes['envoy.config.listener.v3.Listener'] = {
    name: connectTerminate,
    address: { socket_address: { address: model.gateway.listenAddress, port_value: hbonePort } },
    traffic_direction: 'INBOUND',
    connection_balance_config: { exact_balance: {} },
    filter_chains: [
      {
        name: 'default',
        transport_socket: renderServerTls(renderHboneTls(secrets.certificate, trustDomainPeers(model.trustDomains))),
        filters: [
          {
            name: 'envoy.filters.network.http_connection_manager',
            typed_config: typed('envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
              stat_prefix: connectTerminate,
              codec_type: 'HTTP2',
              rds: { route_config_name: connectTerminate, config_source: aggregatedSource },
              use_remote_address: false,
              stream_idle_timeout: tunnelIdleTimeout,
              upgrade_configs: [{ upgrade_type: 'CONNECT' }],
              http2_protocol_options: tunnelHttp2Options,
              access_log: renderRefusedTunnelLog(model.accessLog),
              http_filters: [connectState, ...renderAuthorizationFilters(), holdTunnelEnd, router],
            }),
          },
        ],
      },
    ],
  };
  return { typeUrl: typeUrls.listener, name: connectTerminate, json };
}

/**
 * Identities are part of the key of the pool to `main_internal` only as hashable objects: otherwise
 * two clients could share a connection.
 */
const connectState = {
  name: 'connect_authority',
  typed_config: typed('envoy.extensions.filters.http.set_filter_state.v3.Config', {
    on_request_headers: [
      state(filterState.originalDestination, '%REQ(:AUTHORITY)%'),
      // The direct one: the plain remote address would follow an x-forwarded-for that the client
      // writes on its CONNECT.
      state(filterState.originalSource, '%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%'),
      state(filterState.sourceAddress, '%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%', 'envoy.hashable_string'),
      state(filterState.authority, '%REQ(:AUTHORITY)%', 'envoy.hashable_string'),
      state(filterState.identity, '%DOWNSTREAM_PEER_URI_SAN%', 'envoy.hashable_string'),
      state(filterState.localIdentity, '%DOWNSTREAM_LOCAL_URI_SAN%', 'envoy.hashable_string'),
      // Of the route that the policy filters read too, so that one cannot be without the other.
      state(filterState.decidedAt, '%METADATA(ROUTE:cairn:decided_at)%', 'envoy.hashable_string'),
    ],
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

/**
 * The authorization of tunnels: a virtual host for each port that is decided here, and those
 * without policy for the rest. Those of TCP ports mark their tunnels as decided; the chains of
 * these ports take no others. Only the canonical spelling of an authority is let through: by its
 * form, and for IPv6, whose form says little, by a list too.
 */
export function renderConnectRoutes({ decided, openTcp, openV6, openV6Workloads }: ConnectModel): EnvoyResource {
  const json: MessageTypes['envoy.config.route.v3.RouteConfiguration'] = {
    name: connectTerminate,
    virtual_hosts: [
      ...decided.map(({ host, port, addresses, authorization }) => ({
        name: `connect|${port}|tcp|${host}`,
        domains: addresses.map((address) => formatHostPort(address, port)),
        ...renderTunnels(authorization, { isDecided: true }),
      })),
      ...openHost('connect|tcp', formatAuthorities(openTcp), { isDecided: true }),
      ...openHost('connect|ipv6', formatAuthorities(openV6)),
      ...openHost(
        'connect|workloads',
        openV6Workloads.map((address) => formatHostPort(address, '*')),
      ),
      { name: 'connect', domains: ['*'], ...renderTunnels(openAuthorization, { form: canonical.ipv4 }) },
    ],
  };
  return { typeUrl: typeUrls.routeConfiguration, name: connectTerminate, json };
}

function openHost(name: string, domains: readonly string[], options: TunnelOptions = {}): readonly VirtualHost[] {
  return domains.length === 0 ? [] : [{ name, domains: [...domains], ...renderTunnels(openAuthorization, options) }];
}

function formatAuthorities(authorities: readonly ConnectAuthority[]): readonly string[] {
  return [...new Set(authorities.map(({ address, port }) => formatHostPort(address, port)))].sort();
}

/**
 * Canonical authorities, `address:port`, by their form. Envoy compares domains without regard to
 * case, and `[address]:*` takes any port, so a virtual host's domains do not suffice.
 */
const canonical = ((): { readonly ipv4: string; readonly any: string } => {
  const octet = '(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])';
  const port = '(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])';
  const ipv4 = `${octet}(?:[.]${octet}){3}`;
  return { ipv4: `${ipv4}:${port}`, any: `(?:${ipv4}|\\[[0-9a-f:.]+\\]):${port}` };
})();

interface TunnelOptions {
  /** The form of a canonical authority; by default that of both families. */
  readonly form?: string;
  /** Whether tunnels are marked as decided. */
  readonly isDecided?: boolean;
}

/** Tunnels to the canonical authorities among those of a virtual host. */
function renderTunnels(
  authorization: Authorization,
  { form = canonical.any, isDecided = false }: TunnelOptions = {},
): Omit<VirtualHost, 'name' | 'domains'> {
  const { typedPerFilterConfig, metadata } = renderAuthorization(authorization);
  return {
    ...(metadata === undefined ? {} : { metadata }),
    typed_per_filter_config: { ...typedPerFilterConfig },
    routes: [
      {
        name: 'connect',
        match: {
          connect_matcher: {},
          headers: [{ name: ':authority', string_match: { safe_regex: { regex: form } } }],
        },
        ...(isDecided ? { metadata: { filter_metadata: { cairn: { decided_at: 'connect' } } } } : {}),
        route: {
          cluster: mainInternal,
          timeout: '0s',
          upgrade_configs: [{ upgrade_type: 'CONNECT', connect_config: {} }],
        },
      },
      { name: 'no-route', match: { connect_matcher: {} }, direct_response: { status: 404 } },
    ],
  };
}
