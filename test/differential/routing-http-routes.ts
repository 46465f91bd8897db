// Random HTTPRoutes for the differential of routing.

import * as fc from 'fast-check';
import type { WrittenFilter, WrittenHttpRoute, WrittenRouteRule } from '../support/http-route-evaluator.ts';
import { ages, edited, few, maybe, paths, pick, some } from './routing-arbitraries.ts';

const modifier = some({
  set: few(fc.record({ name: pick(...edited), value: pick('one', '50%') }), 1, 1),
  add: few(fc.record({ name: pick(...edited), value: pick('two', 'a,b') }), 1, 1),
  remove: few(pick('x-role', 'X-Team', 'x-app'), 1, 1),
});
const pathModifier = fc.oneof(
  pick('/', '/full', '/full/path/').map((replaceFullPath) => ({ type: 'ReplaceFullPath' as const, replaceFullPath })),
  pick('/', '/part', '/part/', '').map((replacePrefixMatch) => ({
    type: 'ReplacePrefixMatch' as const,
    replacePrefixMatch,
  })),
);
/** Edits of headers, in filters. */
export const headerFilters: fc.Arbitrary<WrittenFilter[]> = fc
  .tuple(maybe(modifier), maybe(modifier))
  .map(([request, response]) => [
    ...(request === undefined ? [] : [{ type: 'RequestHeaderModifier' as const, requestHeaderModifier: request }]),
    ...(response === undefined ? [] : [{ type: 'ResponseHeaderModifier' as const, responseHeaderModifier: response }]),
  ]);
const routePath = fc.oneof(
  pick(...paths).map((value) => ({ type: 'Exact' as const, value })),
  pick('/', '/a', '/a/', '/api', '/api/', '/api/v1', '/static').map((value) => ({
    type: 'PathPrefix' as const,
    value,
  })),
  pick('/a.*', '/api/v[0-9]+(/.*)?', '.*[.]css').map((value) => ({ type: 'RegularExpression' as const, value })),
);
const namedMatch = (
  names: readonly string[],
  texts: readonly string[],
): fc.Arbitrary<NonNullable<NonNullable<WrittenRouteRule['matches']>[number]['headers']>> =>
  fc.uniqueArray(
    fc.oneof(
      fc.record({ name: pick(...names), value: pick(...texts) }),
      fc.record({
        type: fc.constant('RegularExpression' as const),
        name: pick(...names),
        value: pick('a.*', '[0-9]+', '.+'),
      }),
    ),
    { minLength: 1, maxLength: 2, selector: ({ name }) => name },
  );
const routeMatch = some({
  path: routePath,
  method: pick('GET', 'POST'),
  headers: namedMatch(['x-role', 'X-Team'], ['admin', 'dev', 'admin,dev']),
  queryParams: namedMatch(['v', 'w'], ['1', '2']),
});
const prefixMatch = fc
  .tuple(pick('/', '/a', '/a/', '/api'), routeMatch)
  .map(([value, rest]) => ({ ...rest, path: { type: 'PathPrefix' as const, value } }));
/** A backend as a route of a namespace names it. */
export const backend = (namespace: string): fc.Arbitrary<NonNullable<WrittenRouteRule['backendRefs']>[number]> =>
  fc
    .tuple(
      pick('shop/one', 'shop/two', 'other/theirs', 'wild/theirs', 'shop/gone'),
      pick(80, 81, 9000),
      pick(undefined, undefined, 0, 1, 5),
      fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: headerFilters }),
    )
    .map(([service, port, weight, filters]) => {
      const [where = '', name = ''] = service.split('/');
      return {
        name,
        ...(where === namespace ? {} : { namespace: where }),
        port,
        ...(weight === undefined ? {} : { weight }),
        ...(filters.length === 0 ? {} : { filters }),
      };
    });
const routeRule = (namespace: string): fc.Arbitrary<WrittenRouteRule> => {
  const refs = few(backend(namespace), 0, 3).map((backendRefs) => (backendRefs.length === 0 ? {} : { backendRefs }));
  const rewrite = some({ hostname: pick('app.example'), path: pathModifier }).map((urlRewrite) => [
    { type: 'URLRewrite' as const, urlRewrite },
  ]);
  const redirect = some({
    scheme: pick('http', 'https'),
    hostname: pick('elsewhere.example'),
    port: pick(80, 443, 9999),
    statusCode: pick(301, 302),
    path: pathModifier,
  }).map((requestRedirect) => [{ type: 'RequestRedirect' as const, requestRedirect }]);
  return fc.oneof(
    {
      weight: 3,
      arbitrary: fc
        .tuple(few(routeMatch, 0, 3), headerFilters, refs)
        .map(([matches, filters, rest]) => ({ ...(matches.length === 0 ? {} : { matches }), filters, ...rest })),
    },
    {
      weight: 2,
      arbitrary: fc
        .tuple(prefixMatch, headerFilters, rewrite, refs)
        .map(([one, edits, path, rest]) => ({ matches: [one], filters: [...edits, ...path], ...rest })),
    },
    { weight: 1, arbitrary: fc.tuple(prefixMatch, redirect).map(([one, filters]) => ({ matches: [one], filters })) },
  );
};
/**
 * Routes of a service `<namespace>/s<index>`: its producer's, and consumers'; each with rules of
 * its own namespace.
 */
export const routesOf = <R>(
  service: string,
  rulesOf: (namespace: string) => fc.Arbitrary<R[]>,
  limit: number,
): fc.Arbitrary<RouteOf<R>[]> => {
  const [home = '', name = ''] = service.split('/');
  return few(
    pick(home, home, 'other', 'shop').chain((namespace) =>
      fc.record({
        namespace: fc.constant(namespace),
        rules: rulesOf(namespace),
        age: pick(...ages),
        port: pick(undefined, undefined, 80, 8080),
      }),
    ),
    1,
    limit,
  ).map((list) =>
    list.map(({ namespace, rules, age, port }, number) => ({
      metadata: { name: `${name}-${number}`, namespace, creationTimestamp: age },
      spec: {
        parentRefs: [
          {
            group: '',
            kind: 'Service',
            name,
            ...(namespace === home ? {} : { namespace: home }),
            ...(port === undefined ? {} : { port }),
          },
        ],
        rules,
      },
    })),
  );
};

interface RouteOf<R> {
  readonly metadata: WrittenHttpRoute['metadata'];
  readonly spec: { readonly parentRefs: WrittenHttpRoute['spec']['parentRefs']; readonly rules: R[] };
}

/** The HTTPRoutes of a service. */
export const httpRoutes = (service: string): fc.Arbitrary<WrittenHttpRoute[]> =>
  routesOf(service, (namespace) => few(routeRule(namespace), 1, 3), 3);
