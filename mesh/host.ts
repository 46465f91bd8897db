// Host names as Istio's configuration writes them: short names, wildcards and addresses, and how each is fully qualified.

/** The DNS name of a Kubernetes Service. */
export function formatServiceHost(name: string, namespace: string, clusterDomain: string): string {
  return `${name}.${namespace}.svc.${clusterDomain}`;
}

/** True for `*` and `*.example.com`. */
export function isWildcardHost(host: string): boolean {
  return host.startsWith('*');
}

/**
 * The fully qualified, lower-case form of a host in an object of `namespace`. Istio's rule: only a name without any dot is short;
 * `reviews.default` is taken as written. `*`, wildcards and IP addresses stay as they are.
 */
export function resolveHost(host: string, namespace: string, clusterDomain: string): string {
  const lower = host.toLowerCase();
  if (lower === '' || isWildcardHost(lower) || lower.includes('.') || lower.includes(':')) return lower;
  return formatServiceHost(lower, namespace, clusterDomain);
}

/** True when `pattern` (a full name, `*` or `*.suffix`) covers `host`; both fully qualified and lower-case. */
export function isHostMatch(pattern: string, host: string): boolean {
  if (!isWildcardHost(pattern)) return pattern === host;
  const suffix = pattern.slice(1);
  return host.endsWith(suffix) && host.length > suffix.length;
}
