// How a request to an HTTP port is judged.
//
// First its path is normalized, see `PathHandling`. Then a route is chosen: the first of the
// frontend whose match holds. Then the steps follow, in their order. Each may answer the request,
// which ends it, or let it pass to the next. The content of a token is known from its step on, so
// the route is chosen anew there, and conditions on claims never hold before.

/**
 * - `custom`: if a rule of `authorization.custom` matches, its authorizer is asked; it answers the
 *   requests that it denies.
 * - `token`: see `Authentication`.
 * - `audit`: the first rule of `authorization.observed.audit` that matches is logged.
 * - `deny`: 403 if a rule of `authorization.deny` matches.
 * - `allow`: 403 if there is an `authorization.allow`, and none of its rules matches.
 * - `fault`: delay and abort of the route.
 * - `cors`: preflights that the route answers, and headers of its answers.
 * - `session`: the endpoint that the route keeps the client at.
 * - `route`: the action of the route.
 */
export type JudgementStep = 'custom' | 'token' | 'audit' | 'deny' | 'allow' | 'fault' | 'cors' | 'session' | 'route';

/**
 * The steps in their order. An external authorizer comes before tokens, as in Istio. A denied
 * request costs no fault's delay.
 */
export const judgement: readonly JudgementStep[] = [
  'custom',
  'token',
  'audit',
  'deny',
  'allow',
  'fault',
  'cors',
  'session',
  'route',
];

/**
 * How the path of a request is normalized before anything reads it. The query is left alone. A path
 * with a fragment (`#`) is answered with 400 in any case. Without `normalize` there is nothing
 * else.
 */
export interface PathHandling {
  /**
   * Backslashes become slashes, escapes of letters, digits, `-`, `.`, `_` and `~` are decoded, and
   * `.` and `..` segments are resolved (RFC 3986). A path with `%00` is answered with 400.
   */
  readonly normalize: boolean;
  /** Several slashes become one, after the above. */
  readonly mergeSlashes: boolean;
  /** The treatment of `%2F` and `%5C`, before the above. */
  readonly escapedSlashes: 'keep' | 'decode';
}
