// SPIFFE identities of workloads, in the one form that Istio uses: spiffe://<trust
// domain>/ns/<namespace>/sa/<service account>.

import { CertificateError } from './error.ts';

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
 * The URI of an identity; throws `IdentityInvalid` when a part could not stand in a Kubernetes
 * name, so that no part can add a path.
 */
export function formatIdentity(identity: WorkloadIdentity): string {
  const uri = `spiffe://${identity.trustDomain}/ns/${identity.namespace}/sa/${identity.serviceAccount}`;
  if (parseIdentity(uri) === undefined)
    throw new CertificateError('IdentityInvalid', `not a workload identity: ${uri}`);
  return uri;
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
