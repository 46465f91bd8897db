// The Gateway API routes of one frontend, in the order of their precedence.

import { formatPath, formatRef, type MeshObject, type ObjectRef, refOf } from '../../../mesh/index.ts';
import type { HttpRoute } from '../../model/http-route.ts';
import type { GatewayKey } from '../waypoint/gateway.ts';
import type { ResolveContext } from '../context.ts';
import { resolveClientNamespace } from '../frontend/client-namespace.ts';
import type { ResolvedPort, ResolvedService } from '../service/service.ts';
import { matchesEverything } from '../../model/http-match.ts';
import { findRouteGroups } from './attachment.ts';
import { isRequestRoute, reportRoute, type RequestRoute, type RouteContext } from './context.ts';
import { compareRanks } from './match.ts';
import { type RankedRoute, resolveRules } from './rule.ts';

/** The routes of a frontend, and the objects whose routes are for every client. */
export interface GatewayRoutes {
  readonly routes: readonly HttpRoute[];
  /** Routes of the service's own namespace. If there are some, the service has no default route. */
  readonly producers: readonly ObjectRef[];
}

/** The end of one namespace's own routes: its clients do not get the producer's. */
const noRouteStatus = 404;

/**
 * The routes of every HTTPRoute and GRPCRoute that names this service port as its parent. A
 * client's namespace is that of its identity.
 */
export function resolveGatewayRoutes(
  context: ResolveContext,
  gateway: GatewayKey,
  service: ResolvedService,
  port: ResolvedPort,
): GatewayRoutes {
  const routes: HttpRoute[] = [];
  let producers: readonly ObjectRef[] = [];
  for (const group of findRouteGroups(context.mesh, service, port)) {
    const isProducer = group.namespace === service.namespace;
    const requestRoutes = group.routes.filter(isRequestRoute);
    if (requestRoutes.length === 0) continue;
    const own = requestRoutes.flatMap((route) => resolveRouteRules(context, gateway, service, port, route));
    const ordered = dropDuplicates(
      context,
      [...own].sort((a, b) => compareRanks(a.rank, b.rank)),
    );
    if (isProducer) {
      routes.push(...ordered);
      producers = requestRoutes.map(refOf);
    } else {
      const sourceNamespace = resolveClientNamespace(context.mesh.settings, group.namespace);
      routes.push(...ordered.map((route) => ({ ...route, match: { ...route.match, sourceNamespace } })), {
        name: `${group.namespace}/no-route`,
        match: { headers: [], query: [], sourceNamespace },
        action: { kind: 'respond', status: noRouteStatus },
      });
    }
  }
  return { routes, producers };
}

/** Whether the routes take every request of every client. */
export function isClosed({ routes }: GatewayRoutes): boolean {
  return routes.some(({ match }) => matchesEverything(match));
}

/**
 * Reports VirtualServices of a host that has routes of its service's own namespace: those have
 * precedence.
 */
export function reportGoingBefore(
  context: ResolveContext,
  gatewayRoutes: GatewayRoutes,
  service: ResolvedService,
  virtualServices: readonly MeshObject<'VirtualService'>[],
): void {
  const [producer] = gatewayRoutes.producers;
  if (producer === undefined) return;
  for (const virtualService of virtualServices) {
    context.report({
      code: 'RouteConflict',
      severity: 'warning',
      ref: refOf(virtualService),
      path: ['spec', 'hosts'],
      message: isClosed(gatewayRoutes)
        ? `${formatRef(producer)} goes before these rules and takes every request for "${service.host}", so none of them is reached`
        : `${formatRef(producer)} goes before these rules, which get only those requests for "${service.host}" that it does not match`,
      hint: 'write all routes of the service in one of the two kinds',
    });
  }
}

/** The rules of one route on one port of one parent; problems are reported, and passed on. */
export function resolveRouteRules(
  context: ResolveContext,
  gateway: GatewayKey,
  service: ResolvedService,
  port: ResolvedPort,
  route: RequestRoute,
  addProblem: RouteContext['addProblem'] = () => undefined,
): readonly OwnedRoute[] {
  const invalidStatus = route.kind === 'GRPCRoute' ? 503 : 500;
  const own = { ...context, gateway, service, port: port.number, route, invalidStatus, addProblem } as const;
  const resolved = resolveRules(own, route);
  return resolved.map((ranked) => ({ ...ranked, owner: route }));
}

interface OwnedRoute extends RankedRoute {
  readonly owner: RequestRoute;
}

/** Of two equal matches the first is in force; the other is reported, naming the winner. */
function dropDuplicates(context: ResolveContext, routes: readonly OwnedRoute[]): readonly HttpRoute[] {
  const winners = new Map<string, OwnedRoute>();
  return routes.flatMap((candidate) => {
    const key = JSON.stringify(candidate.route.match);
    const winner = winners.get(key);
    if (winner === undefined) {
      winners.set(key, candidate);
      return [candidate.route];
    }
    const isOwn = winner.owner === candidate.owner;
    reportRoute(
      { ...context, route: candidate.owner },
      isOwn ? 'RuleUnreachable' : 'RouteConflict',
      candidate.path,
      isOwn
        ? `${formatPath(winner.path)} takes the same requests and stands before it, so this is never reached`
        : `${formatRef(refOf(winner.owner))} takes the same requests and is older, or comes first by name, so this is never reached`,
      isOwn ? 'remove one of the two' : 'give one of the two another match',
      'warning',
    );
    return [];
  });
}
