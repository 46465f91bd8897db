// Conditions on the token of a request: its claims, as request authentication has verified them, and what other filters say of it. No
// header has a say in any of this.

import type { ClientCondition, ClientPredicate, MetadataCondition } from '../../model/authorization.ts';
import type { StringMatcher } from '../../model/http-route.ts';
import type { FieldDefinition, Strictness } from './field.ts';
import { matcherOf, parsePattern } from './pattern.ts';
import { all, any } from './predicate.ts';

/** `requestPrincipals`: `<issuer>/<subject>` of the token. */
export const requestPrincipalField: FieldDefinition<ClientCondition> = {
  http: true,
  resolve: resolveRequestPrincipal,
  wildcards: true,
};

/** A claim by its path. `exact` is one that is text only. */
export function claimField(
  keys: readonly string[],
  of: 'text' | 'either' = 'either',
): FieldDefinition<ClientCondition> {
  return {
    http: true,
    wildcards: true,
    resolve: (value, _scope, strictness) =>
      claim(keys, matcherOfValue(value), strictness === 'broad' ? 'anything' : of),
  };
}

/** What a filter of Envoy says of a request. A value in brackets is an element of a list. */
export function filterMetadataField(filter: string, key: string): FieldDefinition<ClientCondition> {
  return {
    http: true,
    resolve: (value, _scope, strictness): ClientPredicate => {
      const element = /^\[(.*)\]$/.exec(value)?.[1];
      return {
        metadata: filter,
        keys: [key],
        value: matcherOfValue(element ?? value),
        of: strictness === 'broad' ? 'anything' : element === undefined ? 'text' : 'list',
      };
    },
  };
}

/** The names of `.a.b` or `[a][b]`; undefined when it is neither. */
export function parseClaimPath(text: string): readonly string[] | undefined {
  if (/^(?:\.[^.[\]]+)+$/.test(text)) return text.slice(1).split('.');
  if (/^(?:\[[^[\]]+\])+$/.test(text)) return text.slice(1, -1).split('][');
  return undefined;
}

function claim(
  keys: readonly string[],
  value: StringMatcher | 'present',
  of: MetadataCondition['of'],
): ClientPredicate {
  return { metadata: 'claims', keys, value, of };
}

function matcherOfValue(value: string): StringMatcher | 'present' {
  const pattern = parsePattern(value);
  return pattern.kind === 'present' ? 'present' : matcherOf(pattern.kind, pattern.text);
}

// Issuers hold slashes and subjects may, so that one text can be split in several ways. What opens something takes the last slash, as
// Istio does; what closes something takes every way.
function resolveRequestPrincipal(value: string, _scope: unknown, strictness: Strictness): ClientPredicate {
  if (strictness === 'strict') {
    const slash = value.lastIndexOf('/');
    if (slash >= 0) return principal(value.slice(0, slash), value.slice(slash + 1), 'text');
    if (value.endsWith('*') && value !== '*') return principal(value, '*', 'text');
    // Without a slash and without a star this is an issuer or a subject, of which the other is empty: no token has that.
    return value.startsWith('*') ? principal('*', value, 'text') : any([]);
  }
  if (value === '*') return any([claim(['iss'], 'present', 'anything'), claim(['sub'], 'present', 'anything')]);
  const splits = [...value.matchAll(/\//g)].map(({ index }) =>
    principal(value.slice(0, index), value.slice(index + 1), 'anything'),
  );
  return any([
    ...splits,
    ...(value.endsWith('*') ? [claim(['iss'], matcherOfValue(value), 'anything')] : []),
    ...(value.startsWith('*') ? [claim(['sub'], matcherOfValue(value), 'anything')] : []),
  ]);
}

function principal(issuer: string, subject: string, of: MetadataCondition['of']): ClientPredicate {
  if (issuer === '' || subject === '') return any([]);
  return all([claim(['iss'], matcherOfValue(issuer), of), claim(['sub'], matcherOfValue(subject), of)]);
}
