import type { KindDefinition } from '../definition.ts';
import { gatewayApi } from '../families.ts';
import type { GatewayClassSpec } from './spec.ts';

export const gatewayClass: KindDefinition<GatewayClassSpec, never, 'status'> = {
  ...gatewayApi,
  isNamespaced: false,
  access: 'status',
  api: { plural: 'gatewayclasses', watch: 'all', isReviewed: false },
  indexes: {},
};
