// Matches of HTTPRoutes and GRPCRoutes, each with its precedence among all matches of a frontend.

import type { GrpcRouteMatch, HttpRouteMatch, NamedValueMatch } from '../../../mesh/index.ts';
import type { HeaderMatch, HttpMatch, PathMatcher } from '../../model/http-route.ts';
import type { StringMatcher } from '../../model/condition.ts';

/**
 * The rank of a match; of two matches, the one with the larger rank, compared from the first number
 * on, has precedence. The numbers are: kind of path (exact, prefix, regular expression), its length
 * (of a call that of its service, and then of its method), then a method, the number of headers,
 * and of query parameters. A match of every request is last.
 */
export type MatchRank = readonly number[];

/** A match with its rank. */
export interface RankedMatch {
  readonly match: HttpMatch;
  readonly rank: MatchRank;
}

/** Orders ranks, the larger first. */
export function compareRanks(a: MatchRank, b: MatchRank): number {
  for (const [index, value] of a.entries()) {
    const other = b[index] ?? 0;
    if (value !== other) return other - value;
  }
  return 0;
}

/** One match of an HTTPRoute. Of several conditions on one header or parameter the first counts. */
export function resolveHttpMatch(match: HttpRouteMatch): RankedMatch {
  const { type = 'PathPrefix', value = '/' } = match.path ?? {};
  const path: PathMatcher =
    type === 'Exact' ? { exact: value } : type === 'RegularExpression' ? { regex: value } : { pathPrefix: value };
  return rankMatch(path, match.method, match.headers, match.queryParams);
}

/**
 * One match of a GRPCRoute. A gRPC method is the path `/<service>/<method>`; a part that is not
 * given matches any text without a slash.
 */
export function resolveGrpcMatch({ method, headers }: GrpcRouteMatch): RankedMatch {
  const service = method?.service ?? '';
  const name = method?.method ?? '';
  const path = grpcPath(service, name, method?.type === 'RegularExpression');
  const { match, rank } = rankMatch(path, undefined, headers, undefined);
  const [kind = 0, , ...conditions] = rank;
  return { match, rank: method === undefined ? rank : [kind, service.length, name.length, ...conditions] };
}

function grpcPath(service: string, method: string, isPattern: boolean): PathMatcher {
  if (service === '' && method === '') return { pathPrefix: '/' };
  const any = '[^/]+';
  if (isPattern)
    return { regex: `/${service === '' ? any : `(?:${service})`}/${method === '' ? any : `(?:${method})`}` };
  if (service === '') return { regex: `/${any}/${method}` };
  return method === '' ? { prefix: `/${service}/` } : { exact: `/${service}/${method}` };
}

function rankMatch(
  written: PathMatcher,
  method: string | undefined,
  headers: readonly NamedValueMatch[] | undefined,
  query: readonly NamedValueMatch[] | undefined,
): RankedMatch {
  const path = normalizePath(written);
  const own: HeaderMatch[] = firstOfEach(headers, (name) => name.toLowerCase()).map(({ name, value }) => ({
    // Envoy keeps the Host header under its name of HTTP/2.
    name: name.toLowerCase() === 'host' ? ':authority' : name.toLowerCase(),
    value,
  }));
  const parameters = firstOfEach(query, (name) => name);
  const conditions = [method === undefined ? 0 : 1, own.length, parameters.length];
  const isEverything = path === undefined && conditions.every((count) => count === 0);
  return {
    match: {
      ...(path === undefined ? {} : { path }),
      headers: method === undefined ? own : [{ name: ':method', value: { exact: method } }, ...own],
      query: parameters,
    },
    rank: isEverything ? [0] : [...rankPath(path), ...conditions],
  };
}

/** `/a/` means the same as `/a`; the prefix `/` is no condition. */
function normalizePath(path: PathMatcher): PathMatcher | undefined {
  if (!('pathPrefix' in path)) return path;
  const trimmed = path.pathPrefix.replace(/\/+$/, '');
  return trimmed === '' ? undefined : { pathPrefix: trimmed };
}

function rankPath(path: PathMatcher | undefined): readonly [kind: number, length: number] {
  if (path === undefined) return [2, 1];
  if ('exact' in path) return [3, path.exact.length];
  if ('regex' in path) return [1, path.regex.length];
  return [2, 'prefix' in path ? path.prefix.length : path.pathPrefix.length];
}

function firstOfEach(
  values: readonly NamedValueMatch[] | undefined,
  keyOf: (name: string) => string,
): readonly { readonly name: string; readonly value: StringMatcher }[] {
  const found = new Map<string, { readonly name: string; readonly value: StringMatcher }>();
  for (const { type, name, value } of values ?? []) {
    if (found.has(keyOf(name))) continue;
    found.set(keyOf(name), { name, value: type === 'RegularExpression' ? { regex: value } : { exact: value } });
  }
  return [...found.values()];
}
