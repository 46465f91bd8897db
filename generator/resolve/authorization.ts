// Who may ask what of one frontend: the union of every policy attached to its service, its Gateway and its GatewayClass.

import type { Authorization, AuthorizationRule } from '../model/authorization.ts';
import { findPolicies } from './authorization/attachment.ts';
import type { AuthorizationTarget } from './authorization/field.ts';
import { readsPath } from './authorization/predicate.ts';
import { resolvePolicy } from './authorization/rules.ts';
import type { ResolveContext } from './context.ts';

export { reportPolicyAttachment } from './authorization/attachment.ts';
export type { AuthorizationTarget } from './authorization/field.ts';

/** The authorization of a service port; Findings about fields are reported for each port that they concern. */
export function resolveAuthorization(context: ResolveContext, target: AuthorizationTarget): Authorization {
  const deny: AuthorizationRule[] = [];
  const allow: AuthorizationRule[] = [];
  const allowPolicies: string[] = [];
  for (const policy of findPolicies(context.mesh, target)) {
    const resolved = resolvePolicy(context, target, policy);
    if (resolved === undefined) continue;
    if (resolved.effect === 'deny') deny.push(...resolved.rules);
    else {
      allow.push(...resolved.rules);
      allowPolicies.push(`${policy.metadata.namespace}/${policy.metadata.name}`);
    }
  }
  return {
    deny,
    ...(allowPolicies.length === 0 ? {} : { allow }),
    allowPolicies,
    readsPath: [...deny, ...allow].some(({ operation, source }) => readsPath(operation) || readsPath(source)),
  };
}
