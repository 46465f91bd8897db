// The input of one proxy's bootstrap: the proxy's identity, its listen addresses, and the addresses
// of its control plane and agent.

/** A listening or target address; `address` is an IP. */
export interface SocketAddress {
  readonly address: string;
  readonly port: number;
}

/** The address of Envoy's admin interface: a port, or a Unix socket for this user alone. */
export type AdminAddress = SocketAddress | { readonly path: string };

/**
 * `waypoint` serves one Gateway; `ztunnel` is a node's L4 proxy. The role is the first part of the
 * node id.
 */
export type ProxyRole = 'waypoint' | 'ztunnel';

/** Everything that `renderBootstrap` reads. */
export interface BootstrapInput {
  readonly role: ProxyRole;
  readonly podName: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  /** The proxy's own address, as others reach it. */
  readonly instanceIp: string;
  /** DNS suffix of the cluster, usually `cluster.local`. */
  readonly domain: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Set for waypoints: the name of the Gateway, in the proxy's namespace. */
  readonly gatewayName?: string;
  readonly clusterId?: string;
  readonly nodeName?: string;
  readonly network?: string;
  /** Envoy's admin interface: 127.0.0.1:15000 in a pod. */
  readonly admin: AdminAddress;
  /** The address of Envoy's own `/stats/prometheus`: 0.0.0.0:15090 in a pod. */
  readonly stats: SocketAddress;
  readonly xds: {
    /** An IP or a DNS name. */
    readonly host: string;
    readonly port: number;
    /** The `spiffe://…` identity that the control plane must show. */
    readonly identity: string;
  };
  /**
   * Bytes of heap that Envoy may use. Near the limit streams are reset, the largest first; at the
   * limit requests are refused.
   */
  readonly heapLimit: number;
  /** Path of the Unix socket on which the agent serves secrets. */
  readonly sdsSocket: string;
}
