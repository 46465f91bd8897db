import type { KindDefinition } from '../definition.ts';
import { core } from '../families.ts';
import { formatAccountKey, labelKeys, namespaceKeys, waypointKeys } from '../keys.ts';
import { flattenPod, trimPod } from './facts.ts';
import type { PodSpec } from './spec.ts';

export const pod: KindDefinition<PodSpec, 'label' | 'namespace' | 'account' | 'waypoint'> = {
  ...core,
  access: 'read',
  api: { plural: 'pods', watch: 'all', isReviewed: false },
  indexes: {
    label: (object) => labelKeys(object, object.metadata.labels),
    namespace: namespaceKeys,
    account: ({ metadata, spec }) => [formatAccountKey(metadata.namespace, spec.serviceAccountName)],
    waypoint: ({ metadata }) => waypointKeys(metadata, metadata.namespace),
  },
  flatten: flattenPod,
  trim: trimPod,
};
