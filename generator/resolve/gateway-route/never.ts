// Matches of HTTPRoutes and GRPCRoutes that no request can meet, and conditions that do not count.
// Values that the kinds' definitions refuse never come this far.

import type { FieldPath, HttpRouteMatch, NamedValueMatch } from '../../../mesh/index.ts';
import type { ResolveContext } from '../context.ts';
import {
  findHeaderValueProblem,
  findPathRegexProblem,
  findQueryProblem,
  looksLikeRegex,
} from '../frontend/request-text.ts';
import { type RequestRoute, reportRoute } from './context.ts';

/** Reports every condition of a route that nothing can meet. Called once for each route. */
export function reportNeverMatches(context: ResolveContext, route: RequestRoute): void {
  const report: Report = (path, message, code = 'NeverMatches') =>
    reportRoute({ ...context, route }, code, path, message, undefined, 'warning');
  for (const [index, { matches = [] }] of (route.spec.rules ?? []).entries()) {
    for (const [at, match] of matches.entries()) {
      const path: FieldPath = ['spec', 'rules', index, 'matches', at];
      reportValues(match.headers, [...path, 'headers'], report, {
        keyOf: (name) => name.toLowerCase(),
        find: (name, value) => findHeaderValueProblem(name.toLowerCase(), { kind: 'exact', text: value }),
      });
      if (route.kind === 'HTTPRoute') reportRequest(match as HttpRouteMatch, path, report);
    }
  }
}

type Report = (path: FieldPath, message: string, code?: 'InvalidValue' | 'NeverMatches') => void;

function reportRequest({ path: written, queryParams }: HttpRouteMatch, path: FieldPath, report: Report): void {
  const { type = 'PathPrefix', value = '/' } = written ?? {};
  const problem =
    type === 'RegularExpression'
      ? findPathRegexProblem(value)
      : value.endsWith('*')
        ? 'a star is no wildcard here, and is compared as it stands'
        : looksLikeRegex(value)
          ? 'it is compared as it stands, and not as a regular expression'
          : undefined;
  if (problem !== undefined) {
    report([...path, 'path', 'value'], `"${value}" matches nothing: ${problem}, so this match never holds`);
  }
  reportValues(queryParams, [...path, 'queryParams'], report, {
    keyOf: (name) => name,
    find: (_, value) => findQueryProblem('value', value),
  });
}

function reportValues(
  values: readonly NamedValueMatch[] | undefined,
  path: FieldPath,
  report: Report,
  {
    keyOf,
    find,
  }: {
    readonly keyOf: (name: string) => string;
    readonly find: (name: string, value: string) => string | undefined;
  },
): void {
  const seen = new Set<string>();
  for (const [index, { type, name, value }] of (values ?? []).entries()) {
    if (seen.has(keyOf(name))) {
      const message = `"${name}" stands twice in this match, and only the first condition on it counts`;
      report([...path, index], message, 'InvalidValue');
      continue;
    }
    seen.add(keyOf(name));
    const problem = type === 'RegularExpression' ? undefined : find(name, value);
    if (problem === undefined) continue;
    report([...path, index, 'value'], `"${value}" matches nothing: ${problem}, so this match never holds`);
  }
}
