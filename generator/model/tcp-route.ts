// One TCP route: the connections that it takes, and their destinations. The order is precedence:
// the first match wins.

import type { ObjectRef } from '../../mesh/index.ts';
import type { ClusterKey } from './cluster.ts';
import type { AddressBlock, ClientNamespace } from './condition.ts';

/**
 * All conditions must hold. An empty list of blocks is no condition; otherwise one matching block
 * is enough.
 */
export interface TcpMatch {
  readonly sourceNamespace?: ClientNamespace;
  /** Blocks of the client's own address as the tunnel saw it. */
  readonly sourceBlocks: readonly AddressBlock[];
  /** Blocks of the address that the client dialled. */
  readonly destinationBlocks: readonly AddressBlock[];
}

/**
 * A share of the connections. Absent `cluster`: the destination is invalid, and its share is
 * closed.
 */
export interface TcpDestination {
  readonly cluster?: ClusterKey;
  readonly weight: number;
}

/** The lifetime of a connection. Milliseconds. */
export interface TcpLimits {
  /** Without a byte in either direction; 0: no limit. */
  readonly idleTimeout?: number;
  readonly maxDuration?: number;
}

export interface TcpRoute {
  /**
   * The object that the route was written in; absent for the route that a service has by default.
   */
  readonly origin?: ObjectRef;
  /** One of them must hold; none: every connection. */
  readonly matches: readonly TcpMatch[];
  readonly destinations: readonly TcpDestination[];
  readonly limits?: TcpLimits;
}
