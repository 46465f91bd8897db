// Types of fetch-kubernetes.mjs for tests and tools.

/**
 * The programs' folder and the file of definitions (a JSON array), or undefined for missing ones.
 */
export function findKubernetes(): { readonly programs: string | undefined; readonly definitions: string | undefined };

/**
 * The path of each program of a node, by name. Builds the missing ones; ends the process with an
 * explanation when it cannot.
 */
export function fetchNodePrograms(): Promise<Readonly<Record<NodeProgram, string>>>;

/** A program of a node. */
export type NodeProgram =
  | 'kube-apiserver'
  | 'etcd'
  | 'kube-controller-manager'
  | 'kube-scheduler'
  | 'kube-proxy'
  | 'kubelet'
  | 'pause'
  | 'coredns';
