// Which requests a match takes.

import type { HttpMatch } from './http-route.ts';

/** The match of a rule that has none: every request. */
export const everyRequest: HttpMatch = { headers: [], query: [] };

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
