// The cluster of a service port or subset, and its endpoints, each pushed on its own.

import { type EnvoyResource, type MessageTypes, typeUrls } from '../../../envoy-api/index.ts';
import { formatHostPort, formatProtoDuration, type ObjectRef } from '../../../mesh/index.ts';
import type { Endpoint, EndpointGroup, Locality, ServiceCluster, ServiceEndpoints } from '../../model/cluster.ts';
import { connectOriginate, formatClusterName, originalDestinationMetadata } from '../names.ts';
import { renderCircuitBreaker, renderKeepalive, renderProtocolOptions } from './connections.ts';
import { renderOutlierDetection } from './outlier-detection.ts';
import { renderTransportSocket } from './transport-socket.ts';

type Cluster = MessageTypes['envoy.config.cluster.v3.Cluster'];

/** The Cluster resource. `finding`: how it finds its endpoints and chooses one of them. */
export function renderServiceCluster(cluster: ServiceCluster, finding: Cluster): EnvoyResource {
  const { key, connections, outlierDetection, origin, service } = cluster;
  const name = formatClusterName(key);
  const [rule] = origin;
  const json: Cluster = {
    name,
    ...finding,
    connect_timeout: formatProtoDuration(connections.connectTimeout),
    ...renderCommonLoadBalancing(cluster),
    circuit_breakers: renderCircuitBreaker(cluster.circuitBreaker),
    ...(outlierDetection === undefined ? {} : { outlier_detection: renderOutlierDetection(outlierDetection) }),
    transport_socket: renderTransportSocket(cluster),
    ...renderKeepalive(connections),
    ...renderProtocolOptions(cluster),
    metadata: {
      filter_metadata: {
        istio: {
          services: [{ host: key.host, name: service.name, namespace: service.namespace }],
          ...(rule === undefined ? {} : { config: formatConfigPath(rule) }),
          ...(key.subset === undefined ? {} : { subset: key.subset }),
        },
      },
    },
  };
  return { typeUrl: typeUrls.cluster, name, json };
}

/** The path of the rule that shaped a cluster, as the Kubernetes API and Istio's tools write it. */
function formatConfigPath({ namespace, name }: ObjectRef): string {
  return `/apis/networking.istio.io/v1/namespaces/${namespace}/destination-rule/${name}`;
}

/**
 * Consistent hashing weighs localities by its own configuration, and Envoy refuses both together.
 */
function renderCommonLoadBalancing(cluster: ServiceCluster): Pick<Cluster, 'common_lb_config'> {
  const { loadBalancer, outlierDetection } = cluster;
  const weighsLocalities = cluster.weighsLocalities && loadBalancer.kind !== 'hash';
  if (outlierDetection === undefined && !weighsLocalities) return {};
  return {
    common_lb_config: {
      ...(outlierDetection === undefined ? {} : { healthy_panic_threshold: { value: outlierDetection.panicPercent } }),
      ...(weighsLocalities ? { locality_weighted_lb_config: {} } : {}),
    },
  };
}

/** The ClusterLoadAssignment resource. */
export function renderServiceEndpoints(endpoints: ServiceEndpoints): EnvoyResource {
  const name = formatClusterName(endpoints.key);
  return { typeUrl: typeUrls.clusterLoadAssignment, name, json: renderLoadAssignment(endpoints) };
}

/** The endpoints, as a message. */
export function renderLoadAssignment({
  key,
  groups,
}: ServiceEndpoints): MessageTypes['envoy.config.endpoint.v3.ClusterLoadAssignment'] {
  return {
    cluster_name: formatClusterName(key),
    ...(groups.length === 0 ? {} : { endpoints: groups.map(renderGroup) }),
  };
}

function renderGroup({
  locality,
  priority,
  weight,
  endpoints,
}: EndpointGroup): MessageTypes['envoy.config.endpoint.v3.LocalityLbEndpoints'] {
  return {
    ...(locality === undefined ? {} : { locality: renderLocality(locality) }),
    ...(priority === 0 ? {} : { priority }),
    ...(weight === undefined ? {} : { load_balancing_weight: weight }),
    lb_endpoints: endpoints.map(renderEndpoint),
  };
}

function renderLocality({ region, zone, subzone }: Locality): MessageTypes['envoy.config.core.v3.Locality'] {
  return { region, ...(zone === '' ? {} : { zone }), ...(subzone === '' ? {} : { sub_zone: subzone }) };
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
