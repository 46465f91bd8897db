// The cluster of a service port or subset, and its endpoints, each pushed on its own.

import { type EnvoyResource, type MessageTypes, typed, typeUrls } from '../../../envoy-api/index.ts';
import { formatProtoDuration } from '../../../mesh/index.ts';
import type { Endpoint, ServiceCluster, ServiceEndpoints } from '../../model/cluster.ts';
import { connectOriginate, formatClusterName, originalDestinationMetadata } from '../names.ts';
import { aggregatedSource } from '../tls.ts';

type Cluster = MessageTypes['envoy.config.cluster.v3.Cluster'];

const loadBalancers = { least_request: 'LEAST_REQUEST', round_robin: 'ROUND_ROBIN', random: 'RANDOM' } as const;

/** No limit, unless a DestinationRule sets one. */
const unlimited = 4_294_967_295;

/** The Cluster resource; its endpoints come by EDS under the same name. */
export function renderServiceCluster(cluster: ServiceCluster): EnvoyResource {
  const name = formatClusterName(cluster.key);
  const { maxConnections, maxPendingRequests, maxRequests, maxRetries } = cluster.circuitBreaker;
  const protocolOptions = renderProtocolOptions(cluster);
  const json: Cluster = {
    name,
    type: 'EDS',
    eds_cluster_config: { eds_config: aggregatedSource, service_name: name },
    connect_timeout: formatProtoDuration(cluster.connectTimeout),
    lb_policy: loadBalancers[cluster.loadBalancer],
    circuit_breakers: {
      thresholds: [
        {
          max_connections: maxConnections ?? unlimited,
          max_pending_requests: maxPendingRequests ?? unlimited,
          max_requests: maxRequests ?? unlimited,
          max_retries: maxRetries ?? unlimited,
        },
      ],
    },
    transport_socket: internalUpstream,
    ...(protocolOptions === undefined ? {} : { typed_extension_protocol_options: protocolOptions }),
    metadata: {
      filter_metadata: {
        istio: {
          services: [{ host: cluster.key.host, name: cluster.service.name, namespace: cluster.service.namespace }],
          ...(cluster.key.subset === undefined ? {} : { subset: cluster.key.subset }),
        },
      },
    },
  };
  return { typeUrl: typeUrls.cluster, name, json };
}

const httpProtocolOptions = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

function renderProtocolOptions({ key, upstreamProtocol }: ServiceCluster): Cluster['typed_extension_protocol_options'] {
  if (key.protocol === 'tcp' || upstreamProtocol === 'http1') return undefined;
  return {
    [httpProtocolOptions]: typed(
      httpProtocolOptions,
      upstreamProtocol === 'http2'
        ? { explicit_http_config: { http2_protocol_options: {} } }
        : { use_downstream_protocol_config: { http_protocol_options: {}, http2_protocol_options: {} } },
    ),
  };
}

/** Carries an endpoint's original destination into `connect_originate`; plain endpoints pass it by. */
const internalUpstream = {
  name: 'internal_upstream',
  typed_config: typed('envoy.extensions.transport_sockets.internal_upstream.v3.InternalUpstreamTransport', {
    passthrough_metadata: [{ kind: { host: {} }, name: originalDestinationMetadata }],
    transport_socket: {
      name: 'raw_buffer',
      typed_config: typed('envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer', {}),
    },
  }),
};

/** The ClusterLoadAssignment resource. */
export function renderServiceEndpoints({ key, endpoints }: ServiceEndpoints): EnvoyResource {
  const name = formatClusterName(key);
  const json: MessageTypes['envoy.config.endpoint.v3.ClusterLoadAssignment'] = {
    cluster_name: name,
    ...(endpoints.length === 0 ? {} : { endpoints: [{ lb_endpoints: endpoints.map(renderEndpoint) }] }),
  };
  return { typeUrl: typeUrls.clusterLoadAssignment, name, json };
}

function renderEndpoint(endpoint: Endpoint): MessageTypes['envoy.config.endpoint.v3.LbEndpoint'] {
  const { address, port, transport, weight, workload } = endpoint;
  const target = formatHostPort(address, port);
  return {
    endpoint: {
      address:
        transport === 'hbone'
          ? { envoy_internal_address: { server_listener_name: connectOriginate, endpoint_id: target } }
          : { socket_address: { address, port_value: port } },
    },
    load_balancing_weight: Math.max(1, weight),
    metadata: {
      filter_metadata: {
        ...(transport === 'hbone' ? { [originalDestinationMetadata]: { local: target } } : {}),
        istio: { workload: `${workload.name};${workload.namespace}` },
      },
    },
  };
}

/** `address:port`, with brackets around IPv6. */
export function formatHostPort(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
