import type { KindDefinition } from '../definition.ts';
import { gatewayApi } from '../families.ts';
import { checkGrpcRouteObject } from '../gateway-route/checks.ts';
import type { GrpcRouteSpec } from '../gateway-route/spec.ts';
import { parentKeys } from '../keys.ts';

export const grpcRoute: KindDefinition<GrpcRouteSpec, 'parent', 'status'> = {
  ...gatewayApi,
  versions: ['v1'],
  access: 'status',
  api: { plural: 'grpcroutes', watch: 'all', isReviewed: true },
  indexes: { parent: parentKeys },
  check: ({ spec }) => checkGrpcRouteObject(spec),
};
