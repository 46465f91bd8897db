import { formatAddress } from '../../address.ts';
import type { KindDefinition } from '../definition.ts';
import { istioNetworking } from '../families.ts';
import { namespaceKeys, waypointKeys } from '../keys.ts';
import { checkServiceEntry } from './checks.ts';
import type { ServiceEntrySpec } from './spec.ts';

export const serviceEntry: KindDefinition<
  ServiceEntrySpec,
  'namespace' | 'waypoint' | 'host' | 'address' | 'range',
  'status'
> = {
  ...istioNetworking,
  access: 'status',
  api: { plural: 'serviceentries', watch: 'all', isReviewed: true },
  indexes: {
    namespace: namespaceKeys,
    waypoint: ({ metadata }) => waypointKeys(metadata, metadata.namespace),
    host: ({ spec }) => spec.hosts.map((host) => host.toLowerCase()),
    /** Key: an address as `formatAddress` writes it; ranges are no keys. */
    address: ({ spec }) => listAddresses(spec).filter((address) => !isRange(address)),
    /** Those with a range of addresses; key: ''. */
    range: ({ spec }) => (listAddresses(spec).some(isRange) ? [''] : []),
  },
  check: ({ spec }) => checkServiceEntry(spec),
};

function listAddresses({ addresses = [], hostAddresses = {} }: ServiceEntrySpec): readonly string[] {
  return [...addresses, ...Object.values(hostAddresses).flat()].map(formatAddress);
}

function isRange(address: string): boolean {
  return address.includes('/');
}
