import type { KindDefinition } from '../definition.ts';
import { decisiveInPolicies, gatewayApi } from '../families.ts';
import { targetKeys } from '../keys.ts';
import { checkBackendTlsPolicy } from './checks.ts';
import type { BackendTlsPolicySpec } from './spec.ts';

export const backendTlsPolicy: KindDefinition<BackendTlsPolicySpec, 'target', 'status'> = {
  ...gatewayApi,
  versions: ['v1', 'v1alpha3'],
  historicalVersions: [],
  access: 'status',
  api: { plural: 'backendtlspolicies', watch: 'all', isReviewed: false },
  indexes: { target: targetKeys },
  check: ({ spec }) => checkBackendTlsPolicy(spec),
  decisive: decisiveInPolicies,
};
