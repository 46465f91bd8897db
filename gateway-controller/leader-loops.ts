// What a control plane in a cluster does beside serving: the work of its leader, and the servers that every replica has. In the order in
// which they begin.

import type { ClusterContext, LeaderLoop } from './cluster-context.ts';
import { RootCertificates } from './root-certificates.ts';

/** A server of every replica. */
export interface ReplicaServer {
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Everything beside xDS and certificates. */
export interface ClusterWork {
  readonly loops: readonly LeaderLoop[];
  readonly servers: readonly ReplicaServer[];
}

/** Makes the loops and servers of one replica; nothing runs yet. */
export function createClusterWork(context: ClusterContext): ClusterWork {
  const isOwnAuthority = context.settings.ca.kind === 'cairn';
  return {
    // Beside istiod the root is istiod's, and its own to distribute.
    loops: isOwnAuthority ? [new RootCertificates(context, () => context.serving.rootPem())] : [],
    servers: [],
  };
}
