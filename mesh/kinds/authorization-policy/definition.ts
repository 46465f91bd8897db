import type { KindDefinition } from '../definition.ts';
import { decisiveInPolicies, istioSecurity } from '../families.ts';
import { targetKeys } from '../keys.ts';
import { checkAuthorizationPolicy } from './checks.ts';
import type { AuthorizationPolicySpec } from './spec.ts';

export const authorizationPolicy: KindDefinition<AuthorizationPolicySpec, 'target', true> = {
  ...istioSecurity,
  api: { plural: 'authorizationpolicies', watch: 'all', isReviewed: true },
  hasStatus: true,
  indexes: { target: targetKeys },
  check: ({ spec }) => checkAuthorizationPolicy(spec),
  decisive: decisiveInPolicies,
};
