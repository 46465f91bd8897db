// A VirtualService's `http` rules as routes of one frontend: each match of each rule is a route of its own, in order.

import { type FieldPath, type HttpRoute as VirtualServiceRule, parseDuration, refOf } from '../../../mesh/index.ts';
import type { HttpMatch, HttpRoute, RouteAction, WeightedDestination } from '../../model/http-route.ts';
import { reportField, type VirtualServiceContext } from './context.ts';
import { resolveCors } from './cors.ts';
import { resolveDestination } from './destination.ts';
import { resolveFault } from './fault.ts';
import { resolveHeaderEdits } from './header-edits.ts';
import { everyRequest, matchesEverything, resolveMatch } from './match.ts';
import { resolveMirrors } from './mirror.ts';
import { resolveDirectResponse, resolveRedirect } from './redirect.ts';
import { resolveRetry } from './retry.ts';
import { resolveRewrite } from './rewrite.ts';

/** Status of the share of requests whose destination does not exist. */
const missingDestinationStatus = 503;

/** The routes of a VirtualService on this frontend. Rules after one that matches everything are reported, and left out. */
export function resolveVirtualServiceRoutes(context: VirtualServiceContext): readonly HttpRoute[] {
  const routes: HttpRoute[] = [];
  let catchAll: { readonly index: number; readonly onEveryPort: boolean } | undefined;
  for (const [index, rule] of (context.owner.spec.http ?? []).entries()) {
    const path: FieldPath = ['spec', 'http', index];
    if (catchAll !== undefined) {
      if (catchAll.onEveryPort) {
        reportField(
          context,
          'RuleUnreachable',
          path,
          `rule ${catchAll.index} matches every request, so this rule is never reached`,
          'put the rule without conditions last',
          'warning',
        );
      }
      continue;
    }
    const resolved = resolveRule(context, rule, index);
    routes.push(...resolved);
    if (resolved.some(({ match }) => matchesEverything(match))) {
      catchAll = { index, onEveryPort: !(rule.match ?? []).some(({ port }) => port !== undefined) };
    }
  }
  return routes;
}

function resolveRule(context: VirtualServiceContext, rule: VirtualServiceRule, index: number): readonly HttpRoute[] {
  const path: FieldPath = ['spec', 'http', index];
  const matches = resolveMatches(context, rule, path);
  if (matches.length === 0) return [];
  const action = resolveAction(context, rule, path);
  if (action === undefined) return [];
  const fault = resolveFault(context, rule.fault, [...path, 'fault']);
  const cors = resolveCors(rule.corsPolicy);
  const request = resolveHeaderEdits(context, rule.headers?.request, [...path, 'headers', 'request']);
  const response = resolveHeaderEdits(context, rule.headers?.response, [...path, 'headers', 'response']);
  const { namespace, name } = context.owner.metadata;
  const ruleName = rule.name ?? `${namespace}/${name}/http[${index}]`;
  return matches.map(({ match, name: matchName }) => ({
    name: matchName === undefined || matchName === '' ? ruleName : `${ruleName}.${matchName}`,
    origin: refOf(context.owner),
    match,
    action:
      action.kind === 'forward' && request.authority !== undefined && action.authority === undefined
        ? { ...action, authority: request.authority }
        : action,
    ...(fault === undefined ? {} : { fault }),
    ...(cors === undefined ? {} : { cors }),
    ...(request.edits === undefined ? {} : { requestHeaders: request.edits }),
    ...(response.edits === undefined ? {} : { responseHeaders: response.edits }),
  }));
}

interface NamedMatch {
  readonly match: HttpMatch;
  readonly name?: string | undefined;
}

function resolveMatches(
  context: VirtualServiceContext,
  rule: VirtualServiceRule,
  path: FieldPath,
): readonly NamedMatch[] {
  if (rule.match === undefined || rule.match.length === 0) return [{ match: everyRequest }];
  return rule.match.flatMap((written, index) => {
    const match = resolveMatch(context, written, [...path, 'match', index]);
    return match === undefined ? [] : [{ match, name: written.name }];
  });
}

function resolveAction(
  context: VirtualServiceContext,
  rule: VirtualServiceRule,
  path: FieldPath,
): RouteAction | undefined {
  if (rule.redirect !== undefined) return resolveRedirect(context, rule.redirect, [...path, 'redirect']);
  if (rule.directResponse !== undefined) {
    return resolveDirectResponse(context, rule.directResponse, [...path, 'directResponse']);
  }
  if (rule.delegate !== undefined) {
    reportField(
      context,
      'FieldNotSupported',
      [...path, 'delegate'],
      'delegation is not supported yet, so this rule is answered with 503',
      'write the rules of the delegate here',
    );
    return { kind: 'respond', status: missingDestinationStatus };
  }
  const rewrite = resolveRewrite(context, rule.rewrite, [...path, 'rewrite']);
  const retry = resolveRetry(context, rule.retries, [...path, 'retries']);
  const timeout = rule.timeout === undefined ? 0 : (parseDuration(rule.timeout) ?? 0);
  return {
    kind: 'forward',
    destinations: resolveDestinations(context, rule, path),
    invalidStatus: missingDestinationStatus,
    ...(rewrite.path === undefined ? {} : { path: rewrite.path }),
    ...(rewrite.authority === undefined ? {} : { authority: rewrite.authority }),
    timeoutMilliseconds: timeout,
    ...(retry === undefined ? {} : { retry }),
    mirrors: resolveMirrors(context, rule, path),
  };
}

/** Weights are relative; a single destination gets everything whatever its weight, and a weight of 0 gets nothing. */
function resolveDestinations(
  context: VirtualServiceContext,
  rule: VirtualServiceRule,
  path: FieldPath,
): readonly WeightedDestination[] {
  const routes = rule.route ?? [];
  const single = routes.length === 1;
  const destinations = routes.flatMap((route, index): readonly WeightedDestination[] => {
    const weight = single ? 100 : (route.weight ?? 0);
    const here: FieldPath = [...path, 'route', index];
    const cluster = resolveDestination(context, route.destination, [...here, 'destination']);
    if (weight === 0) return [];
    const request = resolveHeaderEdits(context, route.headers?.request, [...here, 'headers', 'request']);
    const response = resolveHeaderEdits(context, route.headers?.response, [...here, 'headers', 'response']);
    return [
      {
        ...(cluster === undefined ? {} : { cluster }),
        weight,
        ...(request.edits === undefined ? {} : { requestHeaders: request.edits }),
        ...(request.authority === undefined ? {} : { authority: request.authority }),
        ...(response.edits === undefined ? {} : { responseHeaders: response.edits }),
      },
    ];
  });
  if (destinations.length === 0) {
    reportField(
      context,
      'WeightsInvalid',
      [...path, 'route'],
      `no destination has a weight, so these requests are answered with ${missingDestinationStatus}`,
      'give at least one destination a weight above 0',
    );
    return [{ weight: 100 }];
  }
  return destinations;
}
