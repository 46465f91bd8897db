// The node's folder, its addresses, its names. There is one node for a machine, whichever of its
// users brings it up.

import { join } from 'node:path';

/** Everything that a node writes. `down` leaves the logs. */
export const folder = '/var/lib/cairn-cluster';

/** A file of the node's folder. */
export function inFolder(...names: readonly string[]): string {
  return join(folder, ...names);
}

/** The administrator's. */
export const kubeconfig: string = inFolder('kubeconfig');

export const nodeName = 'node';
/** The machine's end of the link to the node. */
export const linkName = 'cairn-node';
/**
 * The node's own place among the machine's cgroups. A kubelet ends everything in its place that it
 * does not know.
 */
export const cgroup = 'cairn-node';
export const pauseImage = 'localhost/pause:local';

/** All addresses are of the block that is reserved for benchmarks of network devices. */
export const addresses = {
  block: '198.18.0.0/15',
  /** The two ends of the link. */
  machine: '198.18.0.1',
  node: '198.18.0.2',
  linkPrefix: 30,
  pods: '198.18.64.0/24',
  services: '198.19.0.0/16',
  /** Of the Service `kubernetes`: the first of the range. */
  apiService: '198.19.0.1',
} as const;

export const apiPort = 6443;
export const clusterDomain = 'cluster.local';

/** A failure that the caller can mend: it is printed without a stack. */
export class ClusterError extends Error {}

/** A signal has told this process to stop. */
export class Interruption extends Error {
  readonly signal: NodeJS.Signals;

  constructor(signal: NodeJS.Signals) {
    super(signal);
    this.signal = signal;
  }
}

/** Reports progress on stderr. */
export function say(text: string): void {
  process.stderr.write(`cluster: ${text}\n`);
}
