import { formatAddress } from '../../address.ts';
import type { KindDefinition } from '../definition.ts';
import { gatewayApi } from '../families.ts';
import type { GatewaySpec } from './spec.ts';

export const gateway: KindDefinition<GatewaySpec, 'address' | 'class', 'status'> = {
  ...gatewayApi,
  access: 'status',
  api: { plural: 'gateways', watch: 'all', isReviewed: true },
  indexes: {
    /** Key: an address as `formatAddress` writes it. */
    address: ({ spec }) => (spec.addresses ?? []).map(({ value = '' }) => formatAddress(value)),
    /** Key: the name of its class. */
    class: ({ spec }) => [spec.gatewayClassName],
  },
};
