import type { KindDefinition } from '../definition.ts';
import { gatewayApi } from '../families.ts';
import type { GatewayClassSpec } from './spec.ts';

export const gatewayClass: KindDefinition<GatewayClassSpec, never, true> = {
  ...gatewayApi,
  isNamespaced: false,
  api: { plural: 'gatewayclasses', watch: 'all', isReviewed: false },
  hasStatus: true,
  indexes: {},
};
