// Names of the node proxy's resources. A chain has the name of its cluster.

import type { NodeAddress, NodeService, NodeWaypoint, NodeWorkload } from '../../model/node.ts';

/** Metadata of endpoints that access logs show: `address` and, inside the mesh, `identity`. */
export const endpointMetadata = 'cairn';

type Workload = Pick<NodeWorkload, 'namespace' | 'name'>;

/** Listener on one port of a virtual address. */
export function captureName({ address, port }: Pick<NodeAddress, 'address' | 'port'>): string {
  return `capture|${port}|${address}`;
}

/**
 * Cluster of a client's tunnels to a waypoint: `waypoint|<client>|<gateway>`, each as
 * `<namespace>/<name>`.
 */
export function waypointClusterName(client: Workload, { gateway }: NodeWaypoint): string {
  return `waypoint|${formatKey(client)}|${formatKey(gateway)}`;
}

/** Cluster that chooses among the endpoints of a service without a waypoint, for one client. */
export function directClusterName(client: Workload, { namespace, host, port }: NodeService): string {
  return `direct|${formatKey(client)}|${port}|${namespace}/${host}`;
}

/** Internal listener of a client's tunnels to workloads. */
export function originateName(client: Workload): string {
  return `originate|${formatKey(client)}`;
}

/** Cluster of a client's tunnels to one workload. */
export function workloadClusterName(client: Workload, server: Workload): string {
  return `workload|${formatKey(client)}|${formatKey(server)}`;
}

/** Listener of a workload's tunnels from clients, and the route configuration of its ports. */
export function inboundName(server: Workload): string {
  return `inbound_hbone|${formatKey(server)}`;
}

/** Cluster of one port of an application. */
export function applicationClusterName(server: Workload, port: number): string {
  return `application|${port}|${formatKey(server)}`;
}

function formatKey({ namespace, name }: Workload): string {
  return `${namespace}/${name}`;
}
