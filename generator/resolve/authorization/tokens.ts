// Whether a service verifies tokens: without that, rules about claims are empty.

import type { MeshSnapshot } from '../../../mesh/index.ts';
import { findAttached } from './attachment.ts';
import type { AuthorizationTarget } from './field.ts';

/** The fault of a rule that reads claims if tokens are not verified. */
export const unverified =
  'no RequestAuthentication verifies tokens where this applies, so a condition on a token never holds, and its opposite always does';

export const unverifiedHint = 'write a RequestAuthentication with the issuer for the same target';

/**
 * Whether a RequestAuthentication with an issuer is attached to a service, its Gateway or its
 * GatewayClass.
 */
export function verifiesTokens(mesh: MeshSnapshot, target: Pick<AuthorizationTarget, 'gateway' | 'service'>): boolean {
  const find = (key: string) => mesh.find('RequestAuthentication/target', key);
  return findAttached(mesh, find, target).some(({ spec }) => (spec.jwtRules ?? []).length > 0);
}
