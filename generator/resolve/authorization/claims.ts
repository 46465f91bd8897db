// Conditions on the token of a request: its claims, as request authentication has verified them,
// and the metadata of other filters about it. No header influences any of this.

import type { ClientCondition, ClientPredicate } from '../../model/authorization.ts';
import type { MetadataCondition, MetadataMatch, ScalarMatch, StringMatcher } from '../../model/condition.ts';
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

/**
 * The metadata of one of Envoy's filters about a request. A value in brackets is an element of a
 * list.
 */
export function filterMetadataField(filter: string, key: string): FieldDefinition<ClientCondition> {
  return {
    http: true,
    resolve: (value, _scope, strictness): ClientPredicate => {
      const element = /^\[(.*)\]$/.exec(value)?.[1];
      return {
        metadata: filter,
        keys: [key],
        anyOf: matchesOf(
          matcherOfValue(element ?? value),
          strictness === 'broad' ? 'anything' : element === undefined ? 'text' : 'list',
        ),
      };
    },
  };
}

/** The names of `.a.b` or `[a][b]`; undefined for other forms. */
export function parseClaimPath(text: string): readonly string[] | undefined {
  if (/^(?:\.[^.[\]]+)+$/.test(text)) return text.slice(1).split('.');
  if (/^(?:\[[^[\]]+\])+$/.test(text)) return text.slice(1, -1).split('][');
  return undefined;
}

/**
 * The forms that may match: a text, an element of a list, one of both, or also a number or truth
 * value that is so written.
 */
type Form = 'text' | 'list' | 'either' | 'anything';

/** A condition on a claim by its path. */
export function claim(
  keys: readonly string[],
  value: StringMatcher | 'present',
  form: Form,
): MetadataCondition & { readonly metadata: 'claims' } {
  return { metadata: 'claims', keys, anyOf: matchesOf(value, form) };
}

/** A value is present when it is not empty; of anything at all, when it is there. */
function matchesOf(value: StringMatcher | 'present', form: Form): readonly MetadataMatch[] {
  if (value === 'present' && form === 'anything') return ['present'];
  const text: ScalarMatch = { text: value === 'present' ? { regex: '.+' } : value };
  const scalars = form !== 'anything' || value === 'present' || !('exact' in value) ? [] : scalarsOf(value.exact);
  return [
    ...(form === 'list' ? [] : [text]),
    ...(form === 'text' ? [] : [{ element: text }]),
    ...scalars.flatMap((scalar) => [scalar, { element: scalar }]),
  ];
}

/** The number or truth value that a text stands for. */
function scalarsOf(text: string): readonly ScalarMatch[] {
  if (text === 'true' || text === 'false') return [{ boolean: text === 'true' }];
  return /^-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,9})?$/.test(text) ? [{ number: Number(text) }] : [];
}

function matcherOfValue(value: string): StringMatcher | 'present' {
  const pattern = parsePattern(value);
  return pattern.kind === 'present' ? 'present' : matcherOf(pattern.kind, pattern.text);
}

// Issuers contain slashes and subjects may, so one text can be split in several ways. A rule that
// opens takes the last slash, as Istio does; a rule that closes takes every way.
function resolveRequestPrincipal(value: string, _scope: unknown, strictness: Strictness): ClientPredicate {
  if (strictness === 'strict') {
    const slash = value.lastIndexOf('/');
    if (slash >= 0) return principal(value.slice(0, slash), value.slice(slash + 1), 'text');
    if (value.endsWith('*') && value !== '*') return principal(value, '*', 'text');
    // Without a slash and without a star this is an issuer or a subject, of which the other is
    // empty: no token has that.
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

function principal(issuer: string, subject: string, form: Form): ClientPredicate {
  if (issuer === '' || subject === '') return any([]);
  return all([claim(['iss'], matcherOfValue(issuer), form), claim(['sub'], matcherOfValue(subject), form)]);
}
