// Which requests a match takes.

import type { HttpMatch, HttpRoute } from './http-route.ts';

/** The match of a rule that has none: every request. */
export const everyRequest: HttpMatch = { headers: [], query: [] };

/** The end of every list of routes: policies judge a request that no other route takes, and then it is answered. */
export const noRoute: HttpRoute = {
  name: 'no-route',
  match: everyRequest,
  action: { kind: 'respond', status: 404 },
};

/** Whether a match holds for every request, so that no later rule is reached. */
export function matchesEverything(match: HttpMatch): boolean {
  return (
    (match.path === undefined || ('prefix' in match.path && match.path.prefix === '/')) &&
    match.headers.length === 0 &&
    match.query.length === 0 &&
    (match.claims ?? []).length === 0 &&
    match.sourceNamespace === undefined
  );
}
