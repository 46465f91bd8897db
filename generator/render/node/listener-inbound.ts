// `inbound_hbone`: port 15008 of every workload. Tunnels from clients of the trust domain end here, and only those for a known port of
// the very workload that they came to go on; for anything else this would be an open proxy.

import { hbonePort } from '../../../mesh/index.ts';
import { type EnvoyResource, type MessageTypes, typed, typeUrls } from '../../../envoy-api/index.ts';
import type { NodeModel, NodeWorkload } from '../../model/node.ts';
import { formatHostPort } from '../clusters/service-cluster.ts';
import { renderHboneTls, renderServerTls, trustDomainPeers } from '../tls.ts';
import { renderInboundLog } from './access-log.ts';
import { renderAddressMatcher, renderChainAction } from './address-matcher.ts';
import { tunnelHttp2Options } from './http2.ts';
import { applicationClusterName, inboundChainName, inboundName } from './names.ts';

type FilterChain = MessageTypes['envoy.config.listener.v3.FilterChain'];

/** The listener, or nothing when the node has no workload. */
export function renderInboundListener({ workloads, trustDomain }: NodeModel): readonly EnvoyResource[] {
  const [first, ...others] = workloads
    .map(({ address }) => address)
    .sort()
    .map((address) => ({ address: { socket_address: { address, port_value: hbonePort } } }));
  if (first === undefined) return [];
  return [
    {
      typeUrl: typeUrls.listener,
      name: inboundName,
      json: {
        name: inboundName,
        ...first,
        additional_addresses: others,
        freebind: true,
        traffic_direction: 'INBOUND',
        connection_balance_config: { exact_balance: {} },
        filter_chain_matcher: renderAddressMatcher(
          'DestinationIPInput',
          new Map(workloads.map((server) => [server.address, renderChainAction(inboundChainName(server))])),
        ),
        filter_chains: workloads.map((server) => renderChain(server, trustDomain)),
      },
    },
  ];
}

function renderChain(server: NodeWorkload, trustDomain: string): FilterChain {
  const name = inboundChainName(server);
  return {
    name,
    transport_socket: renderServerTls(renderHboneTls(server.identity, trustDomainPeers(trustDomain))),
    filters: [
      {
        name: 'envoy.filters.network.http_connection_manager',
        typed_config: typed('envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
          stat_prefix: name,
          codec_type: 'HTTP2',
          http2_protocol_options: tunnelHttp2Options,
          upgrade_configs: [{ upgrade_type: 'CONNECT' }],
          generate_request_id: false,
          // An idle connection is the application's business.
          stream_idle_timeout: '0s',
          access_log: [renderInboundLog(server)],
          http_filters: [
            {
              name: 'envoy.filters.http.router',
              typed_config: typed('envoy.extensions.filters.http.router.v3.Router', {}),
            },
          ],
          route_config: {
            name,
            virtual_hosts: server.ports.map((port) => ({
              name: String(port),
              domains: [formatHostPort(server.address, port)],
              routes: [
                {
                  match: { connect_matcher: {} },
                  route: {
                    cluster: applicationClusterName(server, port),
                    timeout: '0s',
                    upgrade_configs: [{ upgrade_type: 'CONNECT', connect_config: {} }],
                  },
                },
              ],
            })),
          },
        }),
      },
    ],
  };
}
