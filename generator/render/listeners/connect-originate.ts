// `connect_originate`: HBONE out. An internal listener that opens a tunnel to the workload that the
// endpoint's metadata names, and the fixed clusters of every waypoint.

import { type EnvoyResource, type MessageTypes, typed, typeUrls } from '../../../envoy-api/index.ts';
import { hbonePort } from '../../../mesh/index.ts';
import { noLimits } from '../clusters/connections.ts';
import { connectOriginate, mainInternal, mainSniffed, mainTcp, secrets } from '../names.ts';
import { renderClientTls, renderHboneTls, trustDomainPeers } from '../tls.ts';
import { endApart } from '../tunnel-end.ts';
import { tunnelHttp2Options } from '../tunnel-http2.ts';
import { originalDestinationFilter } from './main-internal.ts';

/**
 * The listener: everything that is written into it goes through a CONNECT to the original
 * destination.
 */
export function renderConnectOriginate(): EnvoyResource {
  const json: MessageTypes['envoy.config.listener.v3.Listener'] = {
    name: connectOriginate,
    internal_listener: {},
    use_original_dst: false,
    listener_filters: [originalDestinationFilter],
    filter_chains: [
      {
        filters: [
          {
            name: 'envoy.filters.network.tcp_proxy',
            typed_config: typed('envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy', {
              stat_prefix: connectOriginate,
              cluster: connectOriginate,
              tunneling_config: { hostname: '%DOWNSTREAM_LOCAL_ADDRESS%' },
            }),
          },
        ],
      },
    ],
  };
  return { typeUrl: typeUrls.listener, name: connectOriginate, json };
}

/** The cluster of tunnels to workloads: their own address, port 15008. */
export function renderConnectOriginateCluster(trustDomains: readonly string[]): EnvoyResource {
  const json: MessageTypes['envoy.config.cluster.v3.Cluster'] = {
    name: connectOriginate,
    type: 'ORIGINAL_DST',
    lb_policy: 'CLUSTER_PROVIDED',
    connect_timeout: '10s',
    cleanup_interval: '60s',
    circuit_breakers: noLimits,
    original_dst_lb_config: { upstream_port_override: hbonePort },
    typed_extension_protocol_options: {
      [httpProtocolOptions]: typed(httpProtocolOptions, {
        common_http_protocol_options: { idle_timeout: '3600s' },
        explicit_http_config: {
          http2_protocol_options: tunnelHttp2Options,
        },
      }),
    },
    transport_socket: renderClientTls(renderHboneTls(secrets.certificate, trustDomainPeers(trustDomains))),
  };
  return { typeUrl: typeUrls.cluster, name: connectOriginate, json };
}

/** The clusters that lead from tunnels to the internal listeners. */
export function renderInternalClusters(): readonly EnvoyResource[] {
  return [mainInternal, mainTcp, mainSniffed].map(renderInternalCluster);
}

function renderInternalCluster(name: string): EnvoyResource {
  const json: MessageTypes['envoy.config.cluster.v3.Cluster'] = {
    name,
    type: 'STATIC',
    connect_timeout: '10s',
    ...endApart,
    circuit_breakers: noLimits,
    load_assignment: {
      cluster_name: name,
      endpoints: [
        {
          lb_endpoints: [{ endpoint: { address: { envoy_internal_address: { server_listener_name: name } } } }],
        },
      ],
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
  return { typeUrl: typeUrls.cluster, name, json };
}

const httpProtocolOptions = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
