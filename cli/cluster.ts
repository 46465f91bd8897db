// The common part of the commands that talk to a cluster: they find cluster and namespace by
// kubectl's rules.

import { ApiClient, loadClusterAccess } from '../kubernetes/index.ts';
import type { ClusterOptions } from './cluster-options.ts';
import type { Io } from './io.ts';

/** A cluster that a command is connected to. */
export interface Cluster {
  readonly client: ApiClient;
  /** `-n`, else the context's, else `default`. */
  readonly namespace: string;
}

/** Calls a function with a cluster, and leaves no connection open afterwards. */
export async function withCluster<T>(
  options: ClusterOptions,
  io: Io,
  use: (cluster: Cluster) => Promise<T>,
): Promise<T> {
  const { kubeconfig, context } = options;
  const { access, namespace } = await loadClusterAccess({
    ...(kubeconfig === undefined ? {} : { kubeconfig }),
    ...(context === undefined ? {} : { context }),
    env: io.env,
  });
  const client = new ApiClient(access, { userAgent: 'cairn' });
  try {
    return await use({ client, namespace: options.namespace ?? namespace });
  } finally {
    client.stop();
  }
}
