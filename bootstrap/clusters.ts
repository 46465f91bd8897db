// The static clusters of a proxy: the control plane over mutual TLS, the agent's secrets over a
// Unix socket, and the admin interface for the statistics listener.

import { typed, type JsonObject } from '../envoy-api/index.ts';
import type { AdminAddress, BootstrapInput, SocketAddress } from './input.ts';
import { ownCertificateSecret, rootSecret, sdsCluster, xdsCluster } from './names.ts';

/** A socket address as Envoy's `Address`. */
export function renderAddress({ address, port }: SocketAddress): JsonObject {
  return { socket_address: { address, port_value: port } };
}

/**
 * The control plane; the client certificate and the roots come by SDS, so that they rotate without
 * a restart.
 */
export function renderXdsCluster({ host, port, identity }: BootstrapInput['xds']): JsonObject {
  const isIp = /^[\d.]+$/.test(host) || host.includes(':');
  return {
    name: xdsCluster,
    ...(isIp ? { type: 'STATIC' } : { type: 'STRICT_DNS', dns_lookup_family: 'V4_PREFERRED' }),
    connect_timeout: '5s',
    load_assignment: renderAssignment(xdsCluster, renderAddress({ address: host, port })),
    typed_extension_protocol_options: renderHttp2({ connection_keepalive: { interval: '30s', timeout: '10s' } }),
    upstream_connection_options: { tcp_keepalive: { keepalive_time: 300 } },
    transport_socket: {
      name: 'envoy.transport_sockets.tls',
      typed_config: typed('envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext', {
        ...(isIp ? {} : { sni: host }),
        common_tls_context: {
          alpn_protocols: ['h2'],
          // Envoy's clients stop at 1.2 unless told otherwise.
          tls_params: { tls_minimum_protocol_version: 'TLSv1_3', tls_maximum_protocol_version: 'TLSv1_3' },
          tls_certificate_sds_secret_configs: [renderSecret(ownCertificateSecret)],
          combined_validation_context: {
            default_validation_context: {
              match_typed_subject_alt_names: [{ san_type: 'URI', matcher: { exact: identity } }],
            },
            validation_context_sds_secret_config: renderSecret(rootSecret),
          },
        },
      }),
    },
  };
}

function renderSecret(name: string): JsonObject {
  return {
    name,
    sds_config: {
      resource_api_version: 'V3',
      // Wait for the agent for as long as it takes: a context without its secret would refuse every
      // connection.
      initial_fetch_timeout: '0s',
      api_config_source: {
        api_type: 'DELTA_GRPC',
        transport_api_version: 'V3',
        set_node_on_first_message_only: true,
        grpc_services: [{ envoy_grpc: { cluster_name: sdsCluster } }],
      },
    },
  };
}

/** The agent's Unix socket. */
export function renderSdsCluster(path: string): JsonObject {
  return {
    name: sdsCluster,
    type: 'STATIC',
    connect_timeout: '1s',
    load_assignment: renderAssignment(sdsCluster, { pipe: { path } }),
    typed_extension_protocol_options: renderHttp2({}),
  };
}

/** The admin interface, for the statistics listener only. */
export function renderAdminCluster(admin: AdminAddress): JsonObject {
  return {
    name: 'prometheus_stats',
    type: 'STATIC',
    connect_timeout: '1s',
    load_assignment: renderAssignment(
      'prometheus_stats',
      'path' in admin ? { pipe: { path: admin.path } } : renderAddress(admin),
    ),
  };
}

function renderAssignment(cluster: string, address: JsonObject): JsonObject {
  return { cluster_name: cluster, endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] };
}

function renderHttp2(options: JsonObject): JsonObject {
  return {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': typed(
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
      { explicit_http_config: { http2_protocol_options: options } },
    ),
  };
}
