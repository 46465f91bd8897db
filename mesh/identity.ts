// SPIFFE identities of workloads, in the one form that Istio uses:
// spiffe://<trust domain>/ns/<namespace>/sa/<service account>. Imports nothing, so that the agent
// takes this file without the rest of the room.

/** The beginning of every identity. */
export const identityScheme = 'spiffe://';

/** The identity of a workload. */
export interface WorkloadIdentity {
  readonly trustDomain: string;
  readonly namespace: string;
  readonly serviceAccount: string;
}

const trustDomainPattern = /^[a-z0-9](?:[a-z0-9._-]{0,253}[a-z0-9])?$/;
const labelPattern = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const subdomainPattern = /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/;

/**
 * Whether the text can be a trust domain (SPIFFE-ID §2.1: lower case letters, digits, `.`, `-`,
 * `_`).
 */
export function isTrustDomain(text: string): boolean {
  return trustDomainPattern.test(text);
}

/**
 * The URI of an identity. The parts are not checked: where they may be no names, `parseIdentity`
 * says whether the URI is an identity.
 */
export function formatIdentity({ trustDomain, namespace, serviceAccount }: WorkloadIdentity): string {
  return `${namespacePrefix(trustDomain, namespace)}sa/${serviceAccount}`;
}

/**
 * The identity in a URI, or undefined when it is anything but exactly the form above (no escapes,
 * query, port or trailing slash).
 */
export function parseIdentity(uri: string): WorkloadIdentity | undefined {
  const match = /^spiffe:\/\/([^/]+)\/ns\/([^/]+)\/sa\/([^/]+)$/.exec(uri);
  const [, trustDomain = '', namespace = '', serviceAccount = ''] = match ?? [];
  if (!isTrustDomain(trustDomain) || !labelPattern.test(namespace) || !subdomainPattern.test(serviceAccount)) {
    return undefined;
  }
  return { trustDomain, namespace, serviceAccount };
}

/** The beginning of every identity of a trust domain. */
export function trustDomainPrefix(trustDomain: string): string {
  return `${identityScheme}${trustDomain}/`;
}

/** The beginning of every identity of a namespace. */
export function namespacePrefix(trustDomain: string, namespace: string): string {
  return `${trustDomainPrefix(trustDomain)}ns/${namespace}/`;
}
