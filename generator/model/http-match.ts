// The requests that a match takes.

import type { HttpMatch, HttpRoute } from './http-route.ts';

/** The match of a rule that has none: every request. */
export const everyRequest: HttpMatch = { headers: [], query: [] };

/**
 * The end of every list of routes: policies judge a request that no other route takes, and then it
 * is answered.
 */
export const noRoute: HttpRoute = {
  name: 'no-route',
  match: everyRequest,
  action: { kind: 'respond', status: 404 },
};

/**
 * The effect of a field of a match: none, another way to compare another field, or that the match
 * leaves some requests out.
 */
export type MatchEffect = 'none' | 'modifies' | 'narrows';

const narrowsIf = (condition: boolean): MatchEffect => (condition ? 'narrows' : 'none');

/** Every field of a match: a new one has to state its effect here. */
const effects: { readonly [F in keyof Required<HttpMatch>]: (match: HttpMatch) => MatchEffect } = {
  path: ({ path }) => narrowsIf(path !== undefined && !('prefix' in path && path.prefix === '/')),
  ignorePathCase: ({ ignorePathCase }) => (ignorePathCase === true ? 'modifies' : 'none'),
  headers: ({ headers }) => narrowsIf(headers.length > 0),
  query: ({ query }) => narrowsIf(query.length > 0),
  claims: ({ claims = [] }) => narrowsIf(claims.length > 0),
  sourceNamespace: ({ sourceNamespace }) => narrowsIf(sourceNamespace !== undefined),
};

/** The effect of each field of a match. */
export function effectsOf(match: HttpMatch): readonly (readonly [field: string, effect: MatchEffect])[] {
  return Object.entries(effects).map(([field, effect]) => [field, effect(match)]);
}

/** Whether a match holds for every request, so that no later rule is reached. */
export function matchesEverything(match: HttpMatch): boolean {
  return effectsOf(match).every(([, effect]) => effect !== 'narrows');
}
