import { pick, recordOf } from '../../fields.ts';
import type { KindDefinition } from '../definition.ts';
import { core } from '../families.ts';
import type { NodeSpec } from './spec.ts';

const keptLabels = /^(?:topology\.|failure-domain\.|kubernetes\.io\/hostname$)/;

export const node: KindDefinition<NodeSpec> = {
  ...core,
  isNamespaced: false,
  access: 'read',
  api: { plural: 'nodes', watch: 'all', isReviewed: false },
  indexes: {},
  flatten: () => ({}),
  trim: ({ apiVersion, kind, metadata }) => {
    const { labels, ...rest } = recordOf(metadata);
    const kept = Object.entries(recordOf(labels)).filter(([label]) => keptLabels.test(label));
    return {
      apiVersion,
      kind,
      metadata: { ...pick(rest, ['name', 'uid', 'resourceVersion']), labels: Object.fromEntries(kept) },
    };
  },
};
