// The clusters of the node proxy. Clusters of tunnels are per client: a connection has one
// certificate and one source address, and no two clients can share it.

import { formatHostPort, hbonePort } from '../../../mesh/index.ts';
import { type EnvoyResource, type MessageTypes, typed, typeUrls } from '../../../envoy-api/index.ts';
import type { NodeEndpoint, NodeModel, NodeService, NodeWaypoint, NodeWorkload } from '../../model/node.ts';
import { noLimits } from '../clusters/connections.ts';
import { originalDestinationMetadata } from '../names.ts';
import { renderClientTls, renderHboneTls } from '../tls.ts';
import { endApart } from '../tunnel-end.ts';
import { tunnelHttp2Options } from '../tunnel-http2.ts';
import { directServers } from './direct.ts';
import {
  applicationClusterName,
  directClusterName,
  endpointMetadata,
  originateName,
  waypointClusterName,
  workloadClusterName,
} from './names.ts';

type Cluster = MessageTypes['envoy.config.cluster.v3.Cluster'];
type LbEndpoint = MessageTypes['envoy.config.endpoint.v3.LbEndpoint'];

const base = { type: 'STATIC', connect_timeout: '10s', circuit_breakers: noLimits } as const;

/** Every cluster, in no particular order. */
export function renderClusters(model: NodeModel): readonly EnvoyResource[] {
  const waypoints = distinctWaypoints(model.services);
  const servers = directServers(model);
  return [
    ...model.workloads.flatMap((client) => [
      ...waypoints.map((waypoint) =>
        renderTunnelCluster(waypointClusterName(client, waypoint), client, waypoint.address, waypoint.identity),
      ),
      ...servers.map((server) =>
        renderTunnelCluster(workloadClusterName(client, server), client, server.address, server.identity),
      ),
      ...model.services.flatMap((service) =>
        service.destination.kind === 'direct'
          ? [renderDirectCluster(client, service, service.destination.endpoints)]
          : [],
      ),
    ]),
    ...model.workloads.flatMap((server) =>
      server.ports.map((port) => renderApplicationCluster(model.address, server, port)),
    ),
  ].map((cluster) => ({ typeUrl: typeUrls.cluster, name: cluster.name, json: cluster }));
}

type NamedCluster = Cluster & { readonly name: string };

function renderTunnelCluster(name: string, client: NodeWorkload, address: string, identity: string): NamedCluster {
  return {
    name,
    ...base,
    ...bindTo(client.address),
    load_assignment: assign(name, [{ endpoint: { address: socketAddress(address, hbonePort) } }]),
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': typed(
        'envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
        { explicit_http_config: { http2_protocol_options: tunnelHttp2Options } },
      ),
    },
    transport_socket: renderClientTls(renderHboneTls(client.identity, [{ exact: identity }])),
  };
}

function renderDirectCluster(
  client: NodeWorkload,
  service: NodeService,
  endpoints: readonly NodeEndpoint[],
): NamedCluster {
  const name = directClusterName(client, service);
  return {
    name,
    ...base,
    ...bindTo(client.address),
    lb_policy: 'LEAST_REQUEST',
    load_assignment: assign(
      name,
      endpoints.map((endpoint) => renderEndpoint(client, endpoint)),
    ),
    transport_socket: {
      name: 'envoy.transport_sockets.internal_upstream',
      typed_config: typed('envoy.extensions.transport_sockets.internal_upstream.v3.InternalUpstreamTransport', {
        passthrough_metadata: [{ kind: { host: {} }, name: originalDestinationMetadata }],
        transport_socket: {
          name: 'envoy.transport_sockets.raw_buffer',
          typed_config: typed('envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer', {}),
        },
      }),
    },
  };
}

function renderEndpoint(client: NodeWorkload, { address, port, weight, workload }: NodeEndpoint): LbEndpoint {
  const local = formatHostPort(address, port);
  return workload === undefined
    ? {
        endpoint: { address: socketAddress(address, port) },
        load_balancing_weight: Math.max(1, weight),
        metadata: { filter_metadata: { [endpointMetadata]: { address: local } } },
      }
    : {
        endpoint: {
          address: {
            envoy_internal_address: { server_listener_name: originateName(client), endpoint_id: local },
          },
        },
        load_balancing_weight: Math.max(1, weight),
        metadata: {
          filter_metadata: {
            [endpointMetadata]: { address: formatHostPort(address, hbonePort), identity: workload.identity },
            [originalDestinationMetadata]: { local },
          },
        },
      };
}

function renderApplicationCluster(source: string, server: NodeWorkload, port: number): NamedCluster {
  const name = applicationClusterName(server, port);
  return {
    name,
    ...base,
    ...endApart,
    ...bindTo(source),
    load_assignment: assign(name, [{ endpoint: { address: socketAddress(server.address, port) } }]),
  };
}

function distinctWaypoints(services: readonly NodeService[]): readonly NodeWaypoint[] {
  const waypoints = new Map<string, NodeWaypoint>();
  for (const { destination } of services) {
    if (destination.kind === 'waypoint') waypoints.set(destination.waypoint.identity, destination.waypoint);
  }
  return [...waypoints.values()];
}

function assign(name: string, endpoints: readonly LbEndpoint[]): NonNullable<Cluster['load_assignment']> {
  return { cluster_name: name, endpoints: [{ lb_endpoints: [...endpoints] }] };
}

function bindTo(address: string): Pick<Cluster, 'upstream_bind_config'> {
  return { upstream_bind_config: { source_address: { address, port_value: 0 } } };
}

function socketAddress(
  address: string,
  port: number,
): { readonly socket_address: { address: string; port_value: number } } {
  return { socket_address: { address, port_value: port } };
}
