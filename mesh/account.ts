// The service account of a workload. Without a name, or with an empty one, it is `default`, as in
// Kubernetes.

/** The account that a workload runs as, from the name in its object. */
export function serviceAccountOf(name: string | undefined): string {
  return name === undefined || name === '' ? 'default' : name;
}
