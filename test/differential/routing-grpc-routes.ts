// Random GRPCRoutes for the differential of routing.

import * as fc from 'fast-check';
import type { WrittenCallMatch, WrittenGrpcRoute } from '../support/grpc-route-evaluator.ts';
import { few, pick, some } from './routing-arbitraries.ts';
import { backend, headerFilters, routesOf } from './routing-http-routes.ts';

const services = ['shop.v1.Cart', 'shop.v1.Cartoon', 'api'];
const method: fc.Arbitrary<NonNullable<WrittenCallMatch['method']>> = fc.oneof(
  pick(...services).map((service) => ({ service })),
  pick('Add', 'Clear', 'v2').map((name) => ({ method: name })),
  fc.record({ type: pick('Exact' as const), service: pick(...services), method: pick('Add', 'Clear', 'v2') }),
  fc.record({ type: pick('RegularExpression' as const), service: pick('shop[.].*', '.*Cart', 'a|api') }),
  fc.record({ type: pick('RegularExpression' as const), method: pick('A.*', '[A-Z][a-z]+', 'v2|Add') }),
  fc.record({
    type: pick('RegularExpression' as const),
    service: pick('shop.v1.Cart(oon)?', '[a-z]+', '.+'),
    method: pick('Add|Clear', '.*'),
  }),
);
const match: fc.Arbitrary<WrittenCallMatch> = some(
  {
    method,
    headers: fc
      .tuple(
        pick('x-role', 'X-Team'),
        pick('admin', 'dev', 'a.*'),
        pick('Exact' as const, 'RegularExpression' as const),
      )
      .map(([name, value, type]) => [{ name, value, type }]),
  },
  2,
);

/** The GRPCRoutes of a service. */
export const grpcRoutes = (service: string): fc.Arbitrary<WrittenGrpcRoute[]> =>
  routesOf(
    service,
    (namespace) =>
      few(
        fc
          .tuple(few(match, 0, 3), headerFilters, few(backend(namespace), 0, 2))
          .map(([matches, filters, backendRefs]) => ({
            ...(matches.length === 0 ? {} : { matches }),
            ...(filters.length === 0 ? {} : { filters }),
            ...(backendRefs.length === 0 ? {} : { backendRefs }),
          })),
        1,
        4,
      ),
    2,
  );
