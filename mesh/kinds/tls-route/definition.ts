import { checkTcpRouteObject } from '../../validation/route-references.ts';
import type { KindDefinition } from '../definition.ts';
import { gatewayApi } from '../families.ts';
import type { TcpRouteSpec } from '../gateway-route/spec.ts';
import { parentKeys } from '../keys.ts';

export const tlsRoute: KindDefinition<TcpRouteSpec, 'parent', 'status'> = {
  ...gatewayApi,
  versions: ['v1', 'v1alpha3', 'v1alpha2'],
  historicalVersions: [],
  access: 'status',
  api: { plural: 'tlsroutes', watch: 'all', isReviewed: true },
  indexes: { parent: parentKeys },
  check: ({ spec }) => checkTcpRouteObject(spec),
};
