// `inbound_hbone|<workload>`: port 15008 of one workload. Tunnels from clients of the trust domain
// end here. Only those to a known port of the very workload that they came to go on; anything else
// would make this an open proxy. The ports come by RDS, so that a new one resets no tunnel.

import { formatHostPort, hbonePort } from '../../../mesh/index.ts';
import { type EnvoyResource, type MessageTypes, typed, typeUrls } from '../../../envoy-api/index.ts';
import type { NodeModel, NodeWorkload } from '../../model/node.ts';
import { aggregatedSource, renderHboneTls, renderServerTls, trustDomainPeers } from '../tls.ts';
import { holdTunnelEnd } from '../tunnel-end.ts';
import { tunnelHttp2Options } from '../tunnel-http2.ts';
import { renderInboundLog } from './access-log.ts';
import { applicationClusterName, inboundName } from './names.ts';

/** One listener for each workload. */
export function renderInboundListeners({ workloads, trustDomain }: NodeModel): readonly EnvoyResource[] {
  return workloads.map((server) => {
    const name = inboundName(server);
    const json: MessageTypes['envoy.config.listener.v3.Listener'] = {
      name,
      address: { socket_address: { address: server.address, port_value: hbonePort } },
      freebind: true,
      traffic_direction: 'INBOUND',
      connection_balance_config: { exact_balance: {} },
      filter_chains: [
        {
          transport_socket: renderServerTls(renderHboneTls(server.identity, trustDomainPeers([trustDomain]))),
          filters: [renderConnectionManager(server, name)],
        },
      ],
    };
    return { typeUrl: typeUrls.listener, name, json };
  });
}

/** The ports of each workload, as the authorities of CONNECT. */
export function renderInboundRoutes({ workloads }: NodeModel): readonly EnvoyResource[] {
  return workloads.map((server) => {
    const name = inboundName(server);
    const json: MessageTypes['envoy.config.route.v3.RouteConfiguration'] = {
      name,
      virtual_hosts: server.ports.map((port) => {
        const authority = formatHostPort(server.address, port);
        // Domains are compared without regard to case: only the canonical spelling is let through.
        const headers = [{ name: ':authority', string_match: { exact: authority } }];
        return {
          name: String(port),
          domains: [authority],
          routes: [
            {
              match: { connect_matcher: {}, headers },
              route: {
                cluster: applicationClusterName(server, port),
                timeout: '0s',
                upgrade_configs: [{ upgrade_type: 'CONNECT', connect_config: {} }],
              },
            },
          ],
        };
      }),
    };
    return { typeUrl: typeUrls.routeConfiguration, name, json };
  });
}

function renderConnectionManager(server: NodeWorkload, name: string): MessageTypes['envoy.config.listener.v3.Filter'] {
  return {
    name: 'envoy.filters.network.http_connection_manager',
    typed_config: typed('envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
      stat_prefix: name,
      codec_type: 'HTTP2',
      http2_protocol_options: tunnelHttp2Options,
      upgrade_configs: [{ upgrade_type: 'CONNECT' }],
      generate_request_id: false,
      // The application decides about idle connections.
      stream_idle_timeout: '0s',
      access_log: [renderInboundLog(server)],
      rds: { route_config_name: name, config_source: aggregatedSource },
      http_filters: [
        holdTunnelEnd,
        {
          name: 'envoy.filters.http.router',
          typed_config: typed('envoy.extensions.filters.http.router.v3.Router', {}),
        },
      ],
    }),
  };
}
