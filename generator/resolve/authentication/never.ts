// Values of a RequestAuthentication that no token, and no request with one, can meet. They open
// nothing: such tokens are refused, or not found.

import { type FieldPath, type JwtRule, type MeshObject, refOf } from '../../../mesh/index.ts';
import type { ResolveContext } from '../context.ts';
import { findHeaderNameProblem, findQueryProblem } from '../frontend/request-text.ts';

/** Reports every value of the rules that nothing can meet. Called once for each object. */
export function reportNeverAccepted(context: ResolveContext, policy: MeshObject<'RequestAuthentication'>): void {
  for (const [index, rule] of (policy.spec.jwtRules ?? []).entries()) {
    for (const [field, message] of findProblems(rule)) {
      context.report({
        code: 'NeverMatches',
        severity: 'warning',
        ref: refOf(policy),
        path: ['spec', 'jwtRules', index, ...field],
        message,
      });
    }
  }
}

function findProblems(rule: JwtRule): readonly (readonly [field: FieldPath, message: string])[] {
  const { issuer = '', audiences = [], fromParams = [], fromCookies = [] } = rule;
  const found = (field: FieldPath, value: string, problem: string | undefined): readonly [FieldPath, string][] =>
    problem === undefined ? [] : [[field, `no token has, or is found in, "${value}": ${problem}`]];
  const blank = (value: string): string | undefined =>
    value.trim() === value ? undefined : 'it has a blank at one of its ends, which is compared too';
  return [
    ...found(['issuer'], issuer, blank(issuer)),
    ...audiences.flatMap((value, index) => found(['audiences', index], value, blank(value))),
    ...fromParams.flatMap((value, index) => found(['fromParams', index], value, findQueryProblem('name', value))),
    ...fromCookies.flatMap((value, index) => found(['fromCookies', index], value, findCookieProblem(value))),
  ];
}

/** The names of cookies are made of the same characters as those of headers. */
function findCookieProblem(name: string): string | undefined {
  return findHeaderNameProblem(name) === undefined ? undefined : 'a cookie has none but the characters of a name';
}
