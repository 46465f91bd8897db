import type { KindDefinition } from '../definition.ts';
import { decisiveInPolicies, istioSecurity } from '../families.ts';
import { targetKeys } from '../keys.ts';
import { checkAuthorizationPolicy } from './checks.ts';
import type { AuthorizationPolicySpec } from './spec.ts';

export const authorizationPolicy: KindDefinition<AuthorizationPolicySpec, 'target', 'status'> = {
  ...istioSecurity,
  access: 'status',
  api: { plural: 'authorizationpolicies', watch: 'all', isReviewed: true },
  indexes: { target: targetKeys },
  check: ({ spec }) => checkAuthorizationPolicy(spec),
  decisive: decisiveInPolicies,
};
