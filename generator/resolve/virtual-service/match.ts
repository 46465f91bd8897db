// VirtualService `http[].match[]`: when a rule applies. A condition that cannot be expressed makes
// the match never hold: a rule must not catch requests that it was not written for.

import type { FieldPath, HttpMatchRequest, StringMatch } from '../../../mesh/index.ts';
import type { ClaimMatch, HeaderMatch, HttpMatch, PathMatcher, QueryMatch } from '../../model/http-route.ts';
import type { StringMatcher } from '../../model/condition.ts';
import { claim, parseClaimPath } from '../authorization/claims.ts';
import { resolveClientNamespace } from '../frontend/client-namespace.ts';
import { unverified, unverifiedHint, verifiesTokens } from '../authorization/tokens.ts';
import { reportField, type VirtualServiceContext } from './context.ts';

/**
 * The conditions of one match, or undefined when it cannot hold on this port, or cannot be
 * expressed (which is reported).
 */
export function resolveMatch(
  context: VirtualServiceContext,
  match: HttpMatchRequest,
  path: FieldPath,
): HttpMatch | undefined {
  if (match.port !== undefined && match.port !== context.port.number) return undefined;
  if (match.gateways !== undefined && match.gateways.length > 0 && !match.gateways.includes('mesh')) return undefined;
  if (match.sourceLabels !== undefined && Object.keys(match.sourceLabels).length > 0) {
    return unsupported(context, [...path, 'sourceLabels'], 'the labels of a client are not known at a waypoint');
  }
  const headers: HeaderMatch[] = [];
  const claims: ClaimMatch[] = [];
  const pseudoHeaders = [
    [':method', match.method],
    [':scheme', match.scheme],
    [':authority', match.authority],
  ] as const;
  for (const [name, condition] of pseudoHeaders) {
    if (condition !== undefined) headers.push({ name, value: valueOf(condition) });
  }
  for (const [name, condition] of sortedEntries(match.headers)) {
    const keys = claimKeys(name);
    if (keys !== undefined) claims.push({ condition: claim(keys, valueOf(condition), 'either') });
    else if (name.startsWith('@')) return unsupported(context, [...path, 'headers', name], notAClaim(name), claimHint);
    else headers.push({ name: name.toLowerCase(), value: valueOf(condition) });
  }
  for (const [name, condition] of sortedEntries(match.withoutHeaders)) {
    const keys = claimKeys(name);
    if (keys !== undefined) claims.push({ condition: claim(keys, valueOf(condition), 'anything'), invert: true });
    else if (name.startsWith('@')) {
      return unsupported(context, [...path, 'withoutHeaders', name], notAClaim(name), claimHint);
    } else headers.push(without(name.toLowerCase(), valueOf(condition)));
  }
  if (claims.length > 0) reportClaims(context, path);
  const query: QueryMatch[] = sortedEntries(match.queryParams).map(([name, condition]) => ({
    name,
    value: valueOf(condition),
  }));
  const uri = match.uri === undefined ? undefined : pathMatcher(match.uri);
  return {
    ...(uri === undefined ? {} : { path: uri }),
    ...(match.ignoreUriCase === true ? { ignorePathCase: true } : {}),
    headers,
    query,
    ...(claims.length === 0 ? {} : { claims }),
    ...(match.sourceNamespace === undefined || match.sourceNamespace === ''
      ? {}
      : { sourceNamespace: resolveClientNamespace(context.mesh.settings, match.sourceNamespace) }),
  };
}

/**
 * The comparison that a StringMatch asks for; undefined when it holds none, which means presence.
 */
export function stringMatcher(match: StringMatch): StringMatcher | undefined {
  if (match.exact !== undefined) return { exact: match.exact };
  if (match.prefix !== undefined) return { prefix: match.prefix };
  if (match.regex !== undefined) return { regex: match.regex };
  return undefined;
}

/**
 * `{}` and the regular expression `*`, which Istio reads as presence, ask only that the value is
 * there.
 */
function valueOf(match: StringMatch): StringMatcher | 'present' {
  const value = stringMatcher(match);
  return value === undefined || ('regex' in value && value.regex === '*') ? 'present' : value;
}

/**
 * A header must not match this; an absent one is empty, unless the question is whether it is
 * present.
 */
function without(name: string, value: StringMatcher | 'present'): HeaderMatch {
  return value === 'present' ? { name, value, invert: true } : { name, value, invert: true, absentIsEmpty: true };
}

function pathMatcher(match: StringMatch): PathMatcher | undefined {
  if (match.exact !== undefined) return { exact: match.exact };
  if (match.prefix !== undefined) return { prefix: match.prefix };
  if (match.regex !== undefined) return { regex: match.regex };
  return undefined;
}

function sortedEntries<V>(record: Readonly<Record<string, V>> | undefined): readonly [string, V][] {
  return Object.entries(record ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
}

const claimHint =
  'write @request.auth.claims.<name>, or @request.auth.claims[<name>][<name>] for a claim inside another';

function notAClaim(name: string): string {
  return `"${name}" is no claim of a token`;
}

function reportClaims(context: VirtualServiceContext, path: FieldPath): void {
  const { gateway, mesh, service } = context;
  const { namespace, name } = service;
  if (verifiesTokens(mesh, { gateway, service: { kind: service.object.kind, namespace, name } })) return;
  reportField(context, 'TokensNotVerified', path, unverified, unverifiedHint, 'warning');
}

/**
 * The path of `@request.auth.claims.a.b` or `@request.auth.claims[a][b]`; undefined for anything
 * else.
 */
function claimKeys(name: string): readonly string[] | undefined {
  const prefix = '@request.auth.claims';
  return name.startsWith(prefix) ? parseClaimPath(name.slice(prefix.length)) : undefined;
}

function unsupported(
  context: VirtualServiceContext,
  path: FieldPath,
  reason: string,
  hint = 'match on what a request carries, or on sourceNamespace',
): undefined {
  reportField(context, 'FieldNotSupported', path, `${reason}, so this match never holds`, hint);
}
