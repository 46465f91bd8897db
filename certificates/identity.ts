// Identities that a certificate can be issued for.

import { formatIdentity as format, parseIdentity, type WorkloadIdentity } from '../mesh/identity.ts';
import { CertificateError } from './error.ts';

/**
 * The URI of an identity; throws `IdentityInvalid` when a part could not stand in a Kubernetes
 * name, so that no part can add a path.
 */
export function formatIdentity(identity: WorkloadIdentity): string {
  const uri = format(identity);
  if (parseIdentity(uri) === undefined)
    throw new CertificateError('IdentityInvalid', `not a workload identity: ${uri}`);
  return uri;
}
