// A route's conditions.

import type { MessageTypes } from '../../../envoy-api/index.ts';
import type { HeaderMatch, HttpMatch, QueryMatch } from '../../model/http-route.ts';
import { type EnvoyStringMatcher, renderStringMatcher } from '../matchers.ts';
import { renderMetadataMatcher } from '../metadata-matcher.ts';
import { filterState } from '../names.ts';

type RouteMatch = MessageTypes['envoy.config.route.v3.RouteMatch'];
type HeaderMatcher = MessageTypes['envoy.config.route.v3.HeaderMatcher'];
type QueryParameterMatcher = MessageTypes['envoy.config.route.v3.QueryParameterMatcher'];

/** The match of a route. The client's namespace is read from its identity, which TLS has verified. */
export function renderRouteMatch(match: HttpMatch, trustDomains: readonly string[]): RouteMatch {
  return {
    ...renderPath(match),
    ...(match.ignorePathCase === true ? { case_sensitive: false } : {}),
    ...(match.headers.length === 0 ? {} : { headers: match.headers.map(renderHeader) }),
    ...(match.query.length === 0 ? {} : { query_parameters: match.query.map(renderQuery) }),
    ...(match.claims === undefined || match.claims.length === 0
      ? {}
      : {
          dynamic_metadata: match.claims.map(({ keys, value, invert }) => ({
            ...renderMetadataMatcher({
              metadata: 'claims',
              keys,
              value: value ?? 'present',
              of: invert === true ? 'anything' : 'either',
            }),
            ...(invert === true ? { invert } : {}),
          })),
        }),
    ...(match.sourceNamespace === undefined
      ? {}
      : {
          filter_state: [
            {
              key: filterState.identity,
              string_match: renderNamespace(match.sourceNamespace, trustDomains),
            },
          ],
        }),
  };
}

function renderNamespace(namespace: string, trustDomains: readonly string[]): EnvoyStringMatcher {
  const [only] = trustDomains;
  if (trustDomains.length === 1) return { prefix: `spiffe://${only}/ns/${namespace}/` };
  const names = trustDomains.map((trustDomain) => trustDomain.replaceAll('.', '[.]')).join('|');
  return { safe_regex: { regex: `spiffe://(?:${names})/ns/${namespace.replaceAll('.', '[.]')}/.*` } };
}

function renderPath({ path }: HttpMatch): RouteMatch {
  if (path === undefined) return { prefix: '/' };
  if ('exact' in path) return { path: path.exact };
  if ('regex' in path) return { safe_regex: { regex: path.regex } };
  if ('pathPrefix' in path)
    return path.pathPrefix === '/' ? { prefix: '/' } : { path_separated_prefix: path.pathPrefix };
  return { prefix: path.prefix };
}

function renderHeader({ name, value, invert }: HeaderMatch): HeaderMatcher {
  const condition = value === undefined ? { present_match: true } : { string_match: renderStringMatcher(value) };
  if (invert !== true) return { name, ...condition };
  return value === undefined
    ? { name, ...condition, invert_match: true }
    : { name, ...condition, invert_match: true, treat_missing_header_as_empty: true };
}

function renderQuery({ name, value }: QueryMatch): QueryParameterMatcher {
  return value === undefined ? { name, present_match: true } : { name, string_match: renderStringMatcher(value) };
}
