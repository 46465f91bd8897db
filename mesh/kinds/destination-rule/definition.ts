import type { KindDefinition } from '../definition.ts';
import { decisiveInPolicies, istioNetworking } from '../families.ts';
import { hostKeys, wildcardKeys } from '../keys.ts';
import { checkDestinationRule } from './checks.ts';
import type { DestinationRuleSpec } from './spec.ts';

export const destinationRule: KindDefinition<DestinationRuleSpec, 'host' | 'wildcard', 'status'> = {
  ...istioNetworking,
  access: 'status',
  api: { plural: 'destinationrules', watch: 'all', isReviewed: true },
  indexes: {
    /**
     * Key: `spec.host`, fully qualified by the object's namespace; wildcards under their own text.
     */
    host: (object, settings) => hostKeys(object, [object.spec.host], settings),
    /** Those with a wildcard host; key: ''. */
    wildcard: ({ spec }) => wildcardKeys([spec.host]),
  },
  check: ({ spec }) => checkDestinationRule(spec),
  decisive: decisiveInPolicies,
};
