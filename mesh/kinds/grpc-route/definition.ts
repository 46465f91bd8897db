import type { KindDefinition } from '../definition.ts';
import { gatewayApi } from '../families.ts';
import { checkGrpcRouteObject } from '../gateway-route/checks.ts';
import type { GrpcRouteSpec } from '../gateway-route/spec.ts';
import { parentKeys } from '../keys.ts';

export const grpcRoute: KindDefinition<GrpcRouteSpec, 'parent', true> = {
  ...gatewayApi,
  versions: ['v1'],
  api: { plural: 'grpcroutes', watch: 'all', isReviewed: true },
  hasStatus: true,
  indexes: { parent: parentKeys },
  check: ({ spec }) => checkGrpcRouteObject(spec),
};
