// A route's conditions.

import { namespacePrefix } from '../../../mesh/index.ts';
import type { MessageTypes } from '../../../envoy-api/index.ts';
import type { ClientNamespace } from '../../model/condition.ts';
import type { HeaderMatch, HttpMatch, QueryMatch } from '../../model/http-route.ts';
import { type EnvoyStringMatcher, renderStringMatcher } from '../matchers.ts';
import { renderMetadataMatcher } from '../metadata-matcher.ts';
import { filterState } from '../names.ts';

type RouteMatch = MessageTypes['envoy.config.route.v3.RouteMatch'];
type HeaderMatcher = MessageTypes['envoy.config.route.v3.HeaderMatcher'];
type QueryParameterMatcher = MessageTypes['envoy.config.route.v3.QueryParameterMatcher'];

/**
 * The match of a route. The client's namespace is read from its identity, which TLS has verified.
 */
export function renderRouteMatch(match: HttpMatch): RouteMatch {
  return {
    ...renderPath(match),
    ...(match.ignorePathCase === true ? { case_sensitive: false } : {}),
    ...(match.headers.length === 0 ? {} : { headers: match.headers.map(renderHeader) }),
    ...(match.query.length === 0 ? {} : { query_parameters: match.query.map(renderQuery) }),
    ...(match.claims === undefined || match.claims.length === 0
      ? {}
      : {
          dynamic_metadata: match.claims.map(({ condition, invert }) => ({
            ...renderMetadataMatcher(condition),
            ...(invert === true ? { invert } : {}),
          })),
        }),
    ...(match.sourceNamespace === undefined ? {} : { filter_state: [renderClientNamespace(match.sourceNamespace)] }),
  };
}

/** Clients of a namespace, by the identity that their certificate proved. */
export function renderClientNamespace(namespace: ClientNamespace): NonNullable<RouteMatch['filter_state']>[number] {
  return { key: filterState.identity, string_match: renderNamespace(namespace) };
}

function renderNamespace({ name, trustDomains }: ClientNamespace): EnvoyStringMatcher {
  const [only] = trustDomains;
  if (only !== undefined && trustDomains.length === 1) return { prefix: namespacePrefix(only, name) };
  const names = trustDomains.map((trustDomain) => trustDomain.replaceAll('.', '[.]')).join('|');
  return { safe_regex: { regex: `${namespacePrefix(`(?:${names})`, name.replaceAll('.', '[.]'))}.*` } };
}

function renderPath({ path }: HttpMatch): RouteMatch {
  if (path === undefined) return { prefix: '/' };
  if ('exact' in path) return { path: path.exact };
  if ('regex' in path) return { safe_regex: { regex: path.regex } };
  if ('pathPrefix' in path)
    return path.pathPrefix === '/' ? { prefix: '/' } : { path_separated_prefix: path.pathPrefix };
  return { prefix: path.prefix };
}

function renderHeader({ name, value, invert, absentIsEmpty }: HeaderMatch): HeaderMatcher {
  return {
    name,
    ...(value === 'present' ? { present_match: true } : { string_match: renderStringMatcher(value) }),
    ...(invert === true ? { invert_match: true } : {}),
    ...(absentIsEmpty === true ? { treat_missing_header_as_empty: true } : {}),
  };
}

function renderQuery({ name, value }: QueryMatch): QueryParameterMatcher {
  return value === 'present' ? { name, present_match: true } : { name, string_match: renderStringMatcher(value) };
}
