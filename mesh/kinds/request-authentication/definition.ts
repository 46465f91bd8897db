import type { KindDefinition } from '../definition.ts';
import { decisiveInPolicies, istioSecurity } from '../families.ts';
import { targetKeys } from '../keys.ts';
import { checkRequestAuthentication } from './checks.ts';
import type { RequestAuthenticationSpec } from './spec.ts';

export const requestAuthentication: KindDefinition<RequestAuthenticationSpec, 'target', 'status'> = {
  ...istioSecurity,
  access: 'status',
  api: { plural: 'requestauthentications', watch: 'all', isReviewed: true },
  indexes: { target: targetKeys },
  check: ({ spec }) => checkRequestAuthentication(spec),
  decisive: decisiveInPolicies,
};
