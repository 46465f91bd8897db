// The resolved meaning of one node's proxy: the workloads that it speaks for, and where their
// connections go. It is L4 only: it knows services, addresses and identities, but no route and no
// policy.

import type { WaypointGateway } from './waypoint.ts';

/**
 * A workload that the node proxy speaks for: a client by its source address, and a server by the
 * ports it accepts.
 */
export interface NodeWorkload {
  readonly namespace: string;
  readonly name: string;
  /** `spiffe://…`: the certificate that connections from and to the workload carry. */
  readonly identity: string;
  /** IPv4 or IPv6 text; no other workload of the node has it. */
  readonly address: string;
  /** Ports of the application that tunnels may ask for, sorted. */
  readonly ports: readonly number[];
}

/** A waypoint as its clients see it. */
export interface NodeWaypoint {
  readonly gateway: Pick<WaypointGateway, 'namespace' | 'name'>;
  readonly identity: string;
  /** IPv4 or IPv6 text; HBONE is on port 15008 of it. */
  readonly address: string;
}

/**
 * One endpoint of a service without a waypoint. Absent `workload`: outside of the mesh, a plain
 * connection.
 */
export interface NodeEndpoint {
  readonly address: string;
  readonly port: number;
  readonly weight: number;
  readonly workload?: NodeWorkload;
}

/** The destination of connections to a service. */
export type NodeDestination =
  | { readonly kind: 'waypoint'; readonly waypoint: NodeWaypoint }
  | { readonly kind: 'direct'; readonly endpoints: readonly NodeEndpoint[] };

/**
 * One service port that clients can connect to. A service whose waypoint cannot be reached is not
 * here, so it is refused.
 */
export interface NodeService {
  readonly namespace: string;
  readonly host: string;
  readonly port: number;
  readonly destination: NodeDestination;
}

/** A virtual address and port, and the service that answers there. */
export interface NodeAddress {
  /** IPv4 or IPv6 text. */
  readonly address: string;
  readonly port: number;
  /** For clients of every namespace that is not in `exceptions`; absent: they are refused. */
  readonly service?: NodeService;
  /**
   * Namespaces whose clients have another destination, since several services claim the address.
   */
  readonly exceptions: ReadonlyMap<string, NodeService | undefined>;
}

/** The configuration of one node proxy. */
export interface NodeModel {
  readonly trustDomain: string;
  /** The node proxy's own address: what applications see as the source of their connections. */
  readonly address: string;
  /** Sorted by namespace and name. */
  readonly workloads: readonly NodeWorkload[];
  /** Those with an address, sorted by host, namespace and port. */
  readonly services: readonly NodeService[];
  /** Sorted by address and port. */
  readonly addresses: readonly NodeAddress[];
}
