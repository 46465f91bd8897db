import type { KindDefinition } from '../definition.ts';
import { targetKeys } from '../keys.ts';
import { checkBackendTraffic } from './checks.ts';
import type { XBackendTrafficPolicySpec } from './spec.ts';

export const xBackendTrafficPolicy: KindDefinition<XBackendTrafficPolicySpec, 'target', 'status'> = {
  group: 'gateway.networking.x-k8s.io',
  versions: ['v1alpha1'],
  isNamespaced: true,
  access: 'status',
  api: { plural: 'xbackendtrafficpolicies', watch: 'all', isReviewed: true },
  indexes: { target: targetKeys },
  check: ({ spec }) => checkBackendTraffic(spec),
};
