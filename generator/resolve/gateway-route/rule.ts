// One rule of an HTTPRoute or GRPCRoute as routes of a frontend: one for each of its matches, with
// the rank that orders them.

import {
  type FieldPath,
  type GrpcRouteRule,
  type HttpRouteRule,
  parseDuration,
  refOf,
  type RouteBackendRef,
} from '../../../mesh/index.ts';
import type { HttpMatch, HttpRoute, Retry, RouteAction, WeightedDestination } from '../../model/http-route.ts';
import { withAuthority } from '../frontend/authority.ts';
import { defaultRetry, resolveDefaultRetry } from '../frontend/retry.ts';
import { resolveBackendRef } from './backend.ts';
import { reportRoute, type RequestRoute, type RouteContext } from './context.ts';
import { type ResolvedFilters, resolveFilters, resolvePathModifier, resolveRouteRedirect } from './filters.ts';
import { type MatchRank, type RankedMatch, resolveGrpcMatch, resolveHttpMatch } from './match.ts';
import { resolveSession } from './session.ts';

/** A route together with its precedence. */
export interface RankedRoute {
  readonly route: HttpRoute;
  readonly rank: MatchRank;
  /** The field of its match. */
  readonly path: FieldPath;
}

/** The routes of every rule of a route, in the order of the text. */
export function resolveRules(context: RouteContext, route: RequestRoute): readonly RankedRoute[] {
  if (route.kind === 'HTTPRoute') {
    return (route.spec.rules ?? [{}]).flatMap((rule, index) =>
      resolveRule(context, rule, index, (rule.matches ?? []).map(resolveHttpMatch), {
        timeoutMilliseconds: milliseconds(rule.timeouts?.request),
        retry: resolveRetry(context, rule),
      }),
    );
  }
  return (route.spec.rules ?? [{}]).flatMap((rule, index) =>
    resolveRule(context, rule, index, (rule.matches ?? []).map(resolveGrpcMatch), {
      timeoutMilliseconds: 0,
      retry: resolveDefaultRetry(context.mesh.settings),
    }),
  );
}

/** The timeouts of a rule: whole requests, and attempts. */
interface Timing {
  readonly timeoutMilliseconds: number;
  readonly retry: Retry | undefined;
}

function resolveRule(
  context: RouteContext,
  rule: HttpRouteRule | GrpcRouteRule,
  index: number,
  matches: readonly RankedMatch[],
  timing: Timing,
): readonly RankedRoute[] {
  const path: FieldPath = ['spec', 'rules', index];
  const filters = resolveFilters(context, rule.filters, [...path, 'filters'], { rule: index });
  const destinations = resolveDestinations(context, rule.backendRefs ?? [], path);
  if (filters.redirect === undefined && !filters.isInvalid) reportDeadEnd(context, rule.backendRefs, path);
  const { namespace, name } = context.route.metadata;
  const all = matches.length === 0 ? [resolveHttpMatch({})] : matches;
  const actions = all.map(({ match }) => resolveAction(context, filters, destinations, match, timing));
  const [action] = actions;
  const session =
    action === undefined
      ? undefined
      : resolveSession(context, rule.sessionPersistence, {
          action,
          rule: rule.name ?? String(index),
          path: [...path, 'sessionPersistence'],
        });
  return all.map(({ match, rank }, at) => ({
    rank,
    path: matches.length === 0 ? path : [...path, 'matches', at],
    route: {
      name: rule.name ?? `${namespace}/${name}/rules[${index}]`,
      origin: refOf(context.route),
      match,
      action: actions[at] ?? { kind: 'respond', status: context.invalidStatus },
      ...(session === undefined ? {} : { session }),
      ...(filters.cors === undefined ? {} : { cors: filters.cors }),
      ...(filters.requestHeaders === undefined ? {} : { requestHeaders: filters.requestHeaders }),
      ...(filters.responseHeaders === undefined ? {} : { responseHeaders: filters.responseHeaders }),
    },
  }));
}

function resolveAction(
  context: RouteContext,
  filters: ResolvedFilters,
  destinations: readonly WeightedDestination[] | undefined,
  match: HttpMatch,
  { timeoutMilliseconds, retry }: Timing,
): RouteAction {
  const { invalidStatus } = context;
  if (filters.isInvalid) return { kind: 'respond', status: invalidStatus };
  if (filters.redirect !== undefined) {
    return { kind: 'redirect', ...resolveRouteRedirect(context, filters.redirect, match) };
  }
  if (destinations === undefined) return { kind: 'respond', status: 404 };
  if (destinations.every(({ cluster }) => cluster === undefined)) return { kind: 'respond', status: invalidStatus };
  return {
    kind: 'forward',
    destinations: withAuthority(destinations, filters.authority),
    invalidStatus,
    ...(filters.path === undefined ? {} : { path: resolvePathModifier(filters.path, match) }),
    timeoutMilliseconds,
    ...(retry === undefined ? {} : { retry }),
    mirrors: filters.mirrors,
  };
}

/** The backends that get requests; undefined when the rule has none at all. */
function resolveDestinations(
  context: RouteContext,
  backends: readonly RouteBackendRef[],
  path: FieldPath,
): readonly WeightedDestination[] | undefined {
  if (backends.length === 0) return undefined;
  const share = `its share of the requests is answered with ${context.invalidStatus}`;
  return backends.flatMap((backend, index): readonly WeightedDestination[] => {
    const { weight = 1 } = backend;
    const at = [...path, 'backendRefs', index];
    const cluster = resolveBackendRef(context, backend, at, weight === 0 ? 'it could get no request' : share);
    const filters = resolveFilters(context, backend.filters, [...at, 'filters'], 'backend');
    if (weight === 0) return [];
    if (cluster === undefined || filters.isInvalid) return [{ weight }];
    return [
      {
        cluster,
        weight,
        ...(filters.requestHeaders === undefined ? {} : { requestHeaders: filters.requestHeaders }),
        ...(filters.authority === undefined ? {} : { authority: filters.authority }),
        ...(filters.responseHeaders === undefined ? {} : { responseHeaders: filters.responseHeaders }),
      },
    ];
  });
}

function reportDeadEnd(context: RouteContext, backends: readonly RouteBackendRef[] | undefined, path: FieldPath): void {
  if (backends === undefined || backends.length === 0) {
    const message = 'this rule has no backendRefs, so its requests are answered with 404';
    reportRoute(context, 'MissingField', path, message, 'name a backend', 'warning');
  } else if (backends.every(({ weight }) => weight === 0)) {
    const message = `no backend has a weight, so these requests are answered with ${context.invalidStatus}`;
    const hint = 'give at least one backend a weight above 0';
    reportRoute(context, 'WeightsInvalid', [...path, 'backendRefs'], message, hint);
  }
}

/**
 * Attempts that fail before the application has seen the request are always retried, unless
 * `attempts: 0` forbids it.
 */
function resolveRetry({ mesh }: RouteContext, { retry, timeouts }: HttpRouteRule): Retry | undefined {
  const perTry = milliseconds(timeouts?.backendRequest);
  if (retry === undefined && perTry === 0) return resolveDefaultRetry(mesh.settings);
  const attempts = retry?.attempts ?? defaultRetry.attempts;
  if (attempts === 0 && perTry === 0) return undefined;
  return {
    ...defaultRetry,
    attempts,
    statusCodes: retry?.codes ?? [],
    ...(perTry === 0 ? {} : { perTryTimeoutMilliseconds: perTry }),
    ...(retry?.backoff === undefined ? {} : { backoffMilliseconds: milliseconds(retry.backoff) }),
  };
}

function milliseconds(duration: string | undefined): number {
  return duration === undefined ? 0 : (parseDuration(duration) ?? 0);
}
