// The identity of a stream's peer: the one in its client certificate. Pure.

import { parseIdentity, type WorkloadIdentity } from '../../mesh/index.ts';
import type { Peer } from '../../xds/index.ts';

/**
 * The identity of a peer and its URI, or the reason why the peer has none here: it needs exactly
 * one, of a workload of this trust domain.
 */
export function readPeerIdentity(
  { identities }: Peer,
  trustDomain: string,
): { readonly identity: WorkloadIdentity; readonly uri: string } | { readonly denied: string } {
  const [uri, ...others] = identities;
  const identity = uri === undefined ? undefined : parseIdentity(uri);
  if (uri === undefined || identity === undefined || others.length > 0) {
    return { denied: 'the client certificate must carry exactly one identity of a workload' };
  }
  return identity.trustDomain === trustDomain
    ? { identity, uri }
    : { denied: `${uri} is of another trust domain than ${trustDomain}` };
}
