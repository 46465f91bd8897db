import { formatAddress } from '../../address.ts';
import { pick, recordOf } from '../../fields.ts';
import type { KindDefinition } from '../definition.ts';
import { core } from '../families.ts';
import { namespaceKeys, waypointKeys } from '../keys.ts';
import { checkService } from './checks.ts';
import type { ServiceSpec } from './spec.ts';

/** Other fields may be newer than our schema, and are no mistake of their author. */
const keptFields = [
  'type',
  'clusterIP',
  'clusterIPs',
  'ipFamilies',
  'selector',
  'ports',
  'externalName',
  'publishNotReadyAddresses',
  'internalTrafficPolicy',
  'sessionAffinity',
  'sessionAffinityConfig',
  'trafficDistribution',
];

export const service: KindDefinition<ServiceSpec, 'namespace' | 'waypoint' | 'address', 'status'> = {
  ...core,
  access: 'status',
  api: { plural: 'services', watch: 'all', isReviewed: false },
  indexes: {
    namespace: namespaceKeys,
    /** By the waypoint that its own labels name. */
    waypoint: ({ metadata }) => waypointKeys(metadata, metadata.namespace),
    /** Key: an address as `formatAddress` writes it. */
    address: ({ spec }) =>
      [...(spec.clusterIPs ?? []), spec.clusterIP ?? '']
        .filter((address) => address !== '' && address !== 'None')
        .map(formatAddress),
  },
  check: checkService,
  trim: (object) => ({ ...object, spec: pick(recordOf(object['spec']), keptFields) }),
};
