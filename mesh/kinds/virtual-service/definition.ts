import type { KindDefinition } from '../definition.ts';
import { istioNetworking } from '../families.ts';
import { hostKeys, wildcardKeys } from '../keys.ts';
import { checkVirtualService } from './checks.ts';
import type { VirtualServiceSpec } from './spec.ts';

export const virtualService: KindDefinition<VirtualServiceSpec, 'host' | 'wildcard' | 'delegate', 'status'> = {
  ...istioNetworking,
  access: 'status',
  api: { plural: 'virtualservices', watch: 'all', isReviewed: true },
  indexes: {
    /**
     * Key: a host of `spec.hosts`, fully qualified by the object's namespace; wildcards under their
     * own text.
     */
    host: (object, settings) => hostKeys(object, object.spec.hosts, settings),
    /** Those with a wildcard host; key: ''. */
    wildcard: ({ spec }) => wildcardKeys(spec.hosts),
    /** Those that delegate to another one; key: `<namespace>/<name>` of that one. */
    delegate: ({ metadata, spec }) =>
      (spec.http ?? []).flatMap(({ delegate }) =>
        delegate?.name === undefined ? [] : [`${delegate.namespace ?? metadata.namespace}/${delegate.name}`],
      ),
  },
  check: ({ spec }) => checkVirtualService(spec),
};
