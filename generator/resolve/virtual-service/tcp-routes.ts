// VirtualService `tls` and `tcp` rules as routes of one TCP port. The first rule whose conditions
// hold takes a connection; a connection that no rule takes goes to the service itself.

import { type FieldPath, formatRef, type L4RouteDestination, type MeshObject, refOf } from '../../../mesh/index.ts';
import type { TcpDestination, TcpMatch, TcpRoute } from '../../model/tcp-route.ts';
import type { WaypointGateway } from '../../model/waypoint.ts';
import type { ResolveContext } from '../context.ts';
import { resolveTcpLimits } from '../destination-rule/tcp-limits.ts';
import { resolveGatewayTcpRoutes } from '../gateway-route/tcp.ts';
import type { ResolvedPort, ResolvedService } from '../service/service.ts';
import { reportField, type VirtualServiceContext } from './context.ts';
import { reportWeights, resolveDestination } from './destination.ts';
import { findVirtualServices } from './selection.ts';
import { resolveTcpMatches } from './tcp-match.ts';

/** A service port at its waypoint. */
interface PortTarget {
  readonly gateway: WaypointGateway;
  readonly service: ResolvedService;
  readonly port: ResolvedPort;
}

interface Rule {
  readonly context: VirtualServiceContext;
  readonly path: FieldPath;
  readonly matches: readonly TcpMatch[];
  readonly route: readonly L4RouteDestination[];
}

const closed = { consequence: 'these connections are closed', level: 'tcp' } as const;

/**
 * The routes of a TCP port, those of the Gateway API first; the last one takes every connection.
 * Rules that are never reached are reported, and left out.
 */
export function resolveTcpRoutes(context: ResolveContext, target: PortTarget): readonly TcpRoute[] {
  const before = resolveGatewayTcpRoutes(context, target);
  const taken = new Map(before.map((route) => [JSON.stringify(route.matches), route]));
  const all = taken.get('[]');
  const rules = findRules(context, target).filter(({ context: owned, path, matches }) => {
    const winner = all ?? taken.get(JSON.stringify(matches));
    if (winner?.origin === undefined) return true;
    const message = `${formatRef(winner.origin)} goes before this rule and takes its connections, so it is never reached`;
    reportField(
      owned,
      'RouteConflict',
      path,
      message,
      'write the rules of the service in one of the two kinds',
      'warning',
    );
    return false;
  });
  const limit = (route: TcpRoute): TcpRoute => ({
    ...route,
    limits: resolveTcpLimits(context, target.gateway, route.destinations[0]?.cluster),
  });
  if (all !== undefined) return before.map(limit);
  const routes: readonly TcpRoute[] = rules.map(({ context: owned, path, matches, route }) => ({
    origin: refOf(owned.owner),
    matches,
    destinations: resolveDestinations(owned, route, path),
  }));
  const complete = rules.some(({ matches }) => matches.length === 0);
  return [...before, ...routes, ...(complete ? [] : [defaultRoute(target)])].map(limit);
}

/**
 * The rules of every VirtualService that applies, up to the first that takes everything: for each,
 * `tls` before `tcp`.
 */
function findRules(context: ResolveContext, target: PortTarget): readonly Rule[] {
  const rules: Rule[] = [];
  let closedBy: string | undefined;
  const seen = new Set<string>();
  for (const owner of findVirtualServices(context.mesh, target.gateway, target.service)) {
    const owned: VirtualServiceContext = { ...context, ...target, owner };
    for (const { rule, path } of writtenRules(owner)) {
      const matches = resolveTcpMatches(owned, rule, path);
      if (matches === undefined) continue;
      const text = JSON.stringify(matches);
      if (closedBy !== undefined || seen.has(text)) {
        const earlier = closedBy ?? 'an earlier rule';
        const message = `${earlier} takes every connection that this rule would take, so it is never reached`;
        reportField(owned, 'RuleUnreachable', path, message, 'put the rule without conditions last', 'warning');
        continue;
      }
      seen.add(text);
      rules.push({ context: owned, path, matches, route: rule.route ?? [] });
      if (matches.length === 0) closedBy = `a rule of ${owner.metadata.namespace}/${owner.metadata.name}`;
    }
  }
  return rules;
}

function writtenRules({ spec }: MeshObject<'VirtualService'>): readonly {
  readonly rule: NonNullable<(typeof spec)['tls']>[number] | NonNullable<(typeof spec)['tcp']>[number];
  readonly path: FieldPath;
}[] {
  return [
    ...(spec.tls ?? []).map((rule, index) => ({ rule, path: ['spec', 'tls', index] })),
    ...(spec.tcp ?? []).map((rule, index) => ({ rule, path: ['spec', 'tcp', index] })),
  ];
}

function resolveDestinations(
  context: VirtualServiceContext,
  route: readonly L4RouteDestination[],
  path: FieldPath,
): readonly TcpDestination[] {
  const single = route.length === 1;
  reportWeights(
    context,
    route.map(({ weight = 0 }) => weight),
    [...path, 'route'],
  );
  const destinations = route.flatMap(({ destination, weight = 0 }, index): readonly TcpDestination[] => {
    const cluster = resolveDestination(context, destination, [...path, 'route', index, 'destination'], closed);
    if (!single && weight === 0) return [];
    return [{ ...(cluster === undefined ? {} : { cluster }), weight: single ? 100 : weight }];
  });
  if (destinations.length > 0) return destinations;
  reportField(
    context,
    'WeightsInvalid',
    [...path, 'route'],
    'no destination has a weight, so these connections are closed',
    'give at least one destination a weight above 0',
  );
  return [{ weight: 100 }];
}

function defaultRoute({ service, port }: PortTarget): TcpRoute {
  const cluster = { owned: true, host: service.host, port: port.number, protocol: 'tcp' } as const;
  return { matches: [], destinations: [{ cluster, weight: 100 }] };
}
