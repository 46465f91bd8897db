import { formatAddress } from '../../address.ts';
import type { KindDefinition } from '../definition.ts';
import { istioNetworking } from '../families.ts';
import { formatAccountKey, labelKeys, namespaceKeys, waypointKeys } from '../keys.ts';
import { checkWorkloadEntry } from '../service-entry/checks.ts';
import type { WorkloadEntrySpec } from './spec.ts';

export const workloadEntry: KindDefinition<
  WorkloadEntrySpec,
  'label' | 'namespace' | 'account' | 'waypoint' | 'address',
  'status'
> = {
  ...istioNetworking,
  access: 'status',
  api: { plural: 'workloadentries', watch: 'all', isReviewed: true },
  indexes: {
    /** For each label of the specification over those of the metadata. */
    label: (object) => labelKeys(object, { ...object.metadata.labels, ...object.spec.labels }),
    namespace: namespaceKeys,
    account: ({ metadata, spec }) => [formatAccountKey(metadata.namespace, spec.serviceAccount)],
    waypoint: ({ metadata }) => waypointKeys(metadata, metadata.namespace),
    address: ({ spec }) => (spec.address === undefined ? [] : [formatAddress(spec.address)]),
  },
  check: ({ spec }) => checkWorkloadEntry(spec, ['spec']),
};
