// The service account of a workload. One that is not named, or is named by an empty text, is `default`, as in Kubernetes.

/** The account that a workload runs as, by what its object says. */
export function serviceAccountOf(name: string | undefined): string {
  return name === undefined || name === '' ? 'default' : name;
}
