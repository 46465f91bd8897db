// A VirtualService's `http` rules as routes of one frontend: each match of each rule is a route of
// its own, in order.

import { type FieldPath, type HttpRoute as VirtualServiceRule, parseDuration, refOf } from '../../../mesh/index.ts';
import type { HttpRoute, RouteAction, WeightedDestination } from '../../model/http-route.ts';
import { withAuthority } from '../frontend/authority.ts';
import { withoutFindings } from '../context.ts';
import { reportField, type VirtualServiceContext } from './context.ts';
import { resolveCors } from './cors.ts';
import { expandDelegates, type SourcedRule } from './delegate.ts';
import { reportWeights, resolveDestination } from './destination.ts';
import { resolveFault } from './fault.ts';
import { resolveHeaderEdits } from './header-edits.ts';
import { resolveMatch } from './match.ts';
import { isOnlyPort, knowsAllPorts, otherPorts } from './ports.ts';
import { resolveMirrors } from './mirror.ts';
import { resolveDirectResponse, resolveRedirect } from './redirect.ts';
import { resolveRetry } from './retry.ts';
import { resolveRewrite } from './rewrite.ts';
import type { Shadows, WrittenMatch } from './shadows.ts';
import { everyRequest, matchesEverything } from '../../model/http-match.ts';

/** Status of the share of requests whose destination does not exist. */
const missingDestinationStatus = 503;

/**
 * The routes of a VirtualService on this frontend. Rules after one that matches everything are
 * reported, and left out. `shadows` are those of the VirtualServices before.
 */
export function resolveVirtualServiceRoutes(context: VirtualServiceContext, shadows: Shadows): readonly HttpRoute[] {
  const routes: HttpRoute[] = [];
  let catchAll: { readonly index: number; readonly onEveryPort: boolean } | undefined;
  for (const [index, rules] of expandDelegates(context).entries()) {
    if (catchAll !== undefined) {
      if (catchAll.onEveryPort || isClosedElsewhere(context, index)) {
        reportField(
          context,
          'RuleUnreachable',
          ['spec', 'http', index],
          catchAll.onEveryPort
            ? `rule ${catchAll.index} matches every request, so this rule is never reached`
            : 'earlier rules match every request on every port, so this rule is never reached',
          'put the rule without conditions last',
          'warning',
        );
      }
      continue;
    }
    const resolved = rules.flatMap((rule) => resolveRule(rule, shadows));
    routes.push(...resolved);
    if (resolved.some(({ match }) => matchesEverything(match))) {
      const namesPorts = rules.some(({ rule }) => (rule.match ?? []).some(({ port }) => port !== undefined));
      const onEveryPort = !namesPorts || isOnlyPort(context);
      catchAll = { index, onEveryPort };
    }
  }
  return routes;
}

/**
 * Whether earlier rules take every request on the other ports too, so that one that depends on the
 * port is reached on none.
 */
function isClosedElsewhere(context: VirtualServiceContext, index: number): boolean {
  return (
    knowsAllPorts(context) &&
    otherPorts(context).every((port) =>
      expandDelegates({ ...context, ...withoutFindings(context.mesh), port })
        .slice(0, index)
        .flat()
        .some((source) => resolveMatches(source).some(({ match }) => matchesEverything(match))),
    )
  );
}

function resolveRule(source: SourcedRule, shadows: Shadows): readonly HttpRoute[] {
  const { rule, owner, path } = source;
  const matches = resolveMatches(source);
  if (matches.length === 0) return [];
  const editing = source.place('headers');
  const request = resolveHeaderEdits(editing.context, rule.headers?.request, [...editing.path, 'request']);
  const response = resolveHeaderEdits(editing.context, rule.headers?.response, [...editing.path, 'response']);
  const action = resolveAction(source, request.authority);
  if (action === undefined) return [];
  for (const written of matches) shadows.cast(written);
  const faulty = source.place('fault');
  const fault = resolveFault(faulty.context, rule.fault, faulty.path);
  const cors = resolveCors(rule.corsPolicy);
  const { namespace, name } = owner.metadata;
  const ruleName = rule.name ?? `${namespace}/${name}/http[${path.at(-1)}]`;
  return matches.map(({ match, name: matchName }) => ({
    name: matchName === undefined || matchName === '' ? ruleName : `${ruleName}.${matchName}`,
    origin: refOf(owner),
    match,
    action,
    ...(fault === undefined ? {} : { fault }),
    ...(cors === undefined ? {} : { cors }),
    ...(request.edits === undefined ? {} : { requestHeaders: request.edits }),
    ...(response.edits === undefined ? {} : { responseHeaders: response.edits }),
  }));
}

interface NamedMatch extends WrittenMatch {
  readonly name?: string | undefined;
}

/**
 * The matches that a request can reach: those after one that takes every request are reported, and
 * left out.
 */
function resolveMatches({ rule, placeMatch, place }: SourcedRule): readonly NamedMatch[] {
  if (rule.match === undefined || rule.match.length === 0) return [{ match: everyRequest, ...place('match') }];
  const matches: NamedMatch[] = [];
  let everything: number | undefined;
  for (const [index, written] of rule.match.entries()) {
    const { context, path } = placeMatch(index);
    if (everything !== undefined) {
      if (rule.match[everything]?.port !== undefined && !isOnlyPort(context)) continue;
      const message = `match ${everything} of this rule takes every request, so this one has no effect`;
      reportField(context, 'RuleUnreachable', path, message, 'remove one of the two', 'warning');
      continue;
    }
    const match = resolveMatch(context, written, path);
    if (match === undefined) continue;
    matches.push({ match, name: written.name, context, path, port: written.port });
    if (matchesEverything(match)) everything = index;
  }
  return matches;
}

/**
 * `host`: the Host that the rule's edits of request headers set, over which a rewrite has
 * precedence.
 */
function resolveAction({ rule, place }: SourcedRule, host: string | undefined): RouteAction | undefined {
  if (rule.redirect !== undefined) {
    const { context, path } = place('redirect');
    return resolveRedirect(context, rule.redirect, path);
  }
  if (rule.directResponse !== undefined) {
    const { context, path } = place('directResponse');
    return resolveDirectResponse(context, rule.directResponse, path);
  }
  const rewriting = place('rewrite');
  const rewrite = resolveRewrite(rewriting.context, rule.rewrite, rewriting.path);
  const retrying = place('retries');
  const retry = resolveRetry(retrying.context, rule.retries, retrying.path);
  const timeout = rule.timeout === undefined ? 0 : (parseDuration(rule.timeout) ?? 0);
  const forwarding = place('route');
  const mirroring = place(rule.mirror === undefined ? 'mirrors' : 'mirror');
  return {
    kind: 'forward',
    destinations: withAuthority(
      resolveDestinations(forwarding.context, rule, forwarding.path),
      rewrite.authority ?? host,
    ),
    invalidStatus: missingDestinationStatus,
    ...(rewrite.path === undefined ? {} : { path: rewrite.path }),
    timeoutMilliseconds: timeout,
    ...(retry === undefined ? {} : { retry }),
    mirrors: resolveMirrors(mirroring.context, rule, mirroring.path.slice(0, -1)),
  };
}

/**
 * Weights are relative; a single destination gets everything whatever its weight, and a weight of 0
 * gets nothing.
 */
function resolveDestinations(
  context: VirtualServiceContext,
  rule: VirtualServiceRule,
  path: FieldPath,
): readonly WeightedDestination[] {
  const routes = rule.route ?? [];
  const single = routes.length === 1;
  reportWeights(
    context,
    routes.map(({ weight = 0 }) => weight),
    path,
  );
  const destinations = routes.flatMap((route, index): readonly WeightedDestination[] => {
    const weight = single ? 100 : (route.weight ?? 0);
    const here: FieldPath = [...path, index];
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
      path,
      `no destination has a weight, so these requests are answered with ${missingDestinationStatus}`,
      'give at least one destination a weight above 0',
    );
    return [{ weight: 100 }];
  }
  return destinations;
}
