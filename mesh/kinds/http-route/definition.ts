import type { KindDefinition } from '../definition.ts';
import { gatewayApi } from '../families.ts';
import { checkHttpRouteObject } from '../gateway-route/checks.ts';
import type { HttpRouteSpec } from '../gateway-route/spec.ts';
import { parentKeys } from '../keys.ts';

export const httpRoute: KindDefinition<HttpRouteSpec, 'parent', 'status'> = {
  ...gatewayApi,
  access: 'status',
  api: { plural: 'httproutes', watch: 'all', isReviewed: true },
  indexes: { parent: parentKeys },
  check: ({ spec }) => checkHttpRouteObject(spec),
};
