// Host names as Istio's configuration writes them: short names, wildcards and addresses, and their
// fully qualified forms.

/** The DNS name of a Kubernetes Service. */
export function formatServiceHost(name: string, namespace: string, clusterDomain: string): string {
  return `${name}.${namespace}.svc.${clusterDomain}`;
}

/** True for `*` and `*.example.com`. */
export function isWildcardHost(host: string): boolean {
  return host.startsWith('*');
}

/**
 * The fully qualified, lower-case form of a host in an object of `namespace`. By Istio's rule, only
 * a name without any dot is short; `reviews.default` is taken as written. `*`, wildcards and IP
 * addresses stay as they are.
 */
export function resolveHost(host: string, namespace: string, clusterDomain: string): string {
  const lower = host.toLowerCase();
  if (lower === '' || isWildcardHost(lower) || lower.includes('.') || lower.includes(':')) return lower;
  return formatServiceHost(lower, namespace, clusterDomain);
}

/**
 * True when `pattern` (a full name, `*` or `*.suffix`) covers `host`; both fully qualified and
 * lower-case.
 */
export function isHostMatch(pattern: string, host: string): boolean {
  if (!isWildcardHost(pattern)) return pattern === host;
  const suffix = pattern.slice(1);
  return host.endsWith(suffix) && host.length > suffix.length;
}

const domainLabel = '[A-Za-z0-9](?:[-A-Za-z0-9]{0,61}[A-Za-z0-9])?';
const dnsLabel = new RegExp(`^${domainLabel}$`);
const wildcardLabel = new RegExp(`^(?:\\*|(?:\\*-?)?${domainLabel})$`);

/** True for a label of a DNS name, which also names ports, subsets and namespaces. */
export function isDnsLabel(text: string): boolean {
  return dnsLabel.test(text);
}

/**
 * True for a DNS name, with or without a dot at its end; a name that ends in a number is a
 * malformed address.
 */
export function isDomain(text: string): boolean {
  return isDomainWith(text, dnsLabel);
}

/** True for a DNS name whose first label may be, or begin with, `*`. */
export function isWildcardDomain(text: string): boolean {
  return isDomainWith(text, wildcardLabel);
}

function isDomainWith(text: string, firstLabel: RegExp): boolean {
  const [first = '', ...rest] = text.replace(/(?<=.)\.$/, '').split('.');
  const isNumber = rest.length > 0 && /^[-+]?\d+$/.test(rest.at(-1) ?? '');
  return text.length <= 255 && firstLabel.test(first) && rest.every((label) => dnsLabel.test(label)) && !isNumber;
}
