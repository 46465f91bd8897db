// The Findings about the parents of a route: invalid ones, those that are not served, or whose
// ports are not HTTP.

import {
  type FieldPath,
  formatRef,
  gatewayGroup,
  type MeshSnapshot,
  networkingGroup,
  refOf,
  type RouteParentRef,
} from '../../../mesh/index.ts';
import { requestedWaypoint } from '../waypoint/binding.ts';
import type { ResolveContext } from '../context.ts';
import type { ResolvedPort, ResolvedService } from '../service/service.ts';
import { findRouteGroups, kindsOf, resolveParent } from './attachment.ts';
import { type GatewayRoute, isRequestRoute, reportRoute } from './context.ts';
import { reportNeverMatches } from './never.ts';
import { isWaypoint, resolveGateway } from '../waypoint/gateway.ts';

/** Reports every parent of a route that the route does not apply to. */
export function reportRouteAttachment(outer: ResolveContext, route: GatewayRoute): void {
  const context = { ...outer, route };
  const { parentRefs = [], hostnames = [] } = route.spec;
  if (isRequestRoute(route)) reportNeverMatches(outer, route);
  if (parentRefs.length === 0) {
    const hint = 'name a Service: {group: "", kind: Service, name: <name>}';
    reportRoute(context, 'NotServed', ['spec'], 'without parentRefs this route has no effect', hint, 'warning');
  }
  for (const [index, parent] of parentRefs.entries()) reportParent(context, parent, ['spec', 'parentRefs', index]);
  if (hostnames.length > 0 && parentRefs.some((parent) => isServiceParent(outer.mesh, parent, route))) {
    reportRoute(
      context,
      'FieldNotSupported',
      ['spec', 'hostnames'],
      'hostnames mean nothing for parents that are services, and are ignored',
      isRequestRoute(route)
        ? 'match the header Host in the rules'
        : 'remove them, or name another parent for each host',
      'warning',
    );
  }
}

function isServiceParent(mesh: MeshSnapshot, parent: RouteParentRef, route: GatewayRoute): boolean {
  return resolveParent(mesh, parent, route.metadata.namespace) !== undefined;
}

function reportParent(
  context: ResolveContext & { readonly route: GatewayRoute },
  parent: RouteParentRef,
  path: FieldPath,
): void {
  const { mesh, route } = context;
  const resolved = resolveParent(mesh, parent, route.metadata.namespace);
  if (resolved === undefined) return reportOtherParent(context, parent, path);
  if ('problem' in resolved) {
    const code = resolved.field === 'name' ? 'HostNotFound' : 'PortNotFound';
    const hint = 'parents are looked up in the namespace of the route, unless they name another one';
    const message = `${resolved.problem}, so this route does not apply to it`;
    return reportRoute(context, code, [...path, resolved.field], message, hint);
  }
  const [service] = resolved.services;
  if (service === undefined) return undefined;
  const key = requestedWaypoint(mesh, service.object);
  if (key === undefined || resolveGateway(mesh, key) === undefined) {
    const message = `no waypoint serves "${service.host}", so these rules have no effect`;
    const hint = `label ${formatRef(service.ref)} with istio.io/use-waypoint`;
    return reportRoute(context, 'NotServed', path, message, hint, 'warning');
  }
  if (!resolved.ports.some((port) => kindsOf(port).includes(route.kind))) {
    const [protocol, names] = isRequestRoute(route) ? ['HTTP', 'http, http2 or grpc'] : ['TCP', 'tcp or tls'];
    const message = `no port of "${service.host}" that this parent selects is one of ${protocol}, so these rules have no effect`;
    const hint = `name the port ${names}, or set its appProtocol`;
    return reportRoute(context, 'NotServed', path, message, hint, 'warning');
  }
  reportRejection(context, service, resolved.ports, path);
}

/** Of two kinds of route on one port of a parent, the more specific applies. */
function reportRejection(
  context: ResolveContext & { readonly route: GatewayRoute },
  service: ResolvedService,
  ports: readonly ResolvedPort[],
  path: FieldPath,
): void {
  for (const port of ports) {
    const winner = findConflict(context.mesh, service, port, context.route);
    if (winner === undefined) continue;
    const message = `${formatRef(refOf(winner))} has port ${port.number} of "${service.host}", and of two kinds of route only one applies, so this one does not`;
    const hint = 'name another port in parentRefs, or write the rules in one kind of route';
    return reportRoute(context, 'RouteConflict', path, message, hint);
  }
}

/** The route of another kind that keeps this one from a port; undefined when there is none. */
export function findConflict(
  mesh: MeshSnapshot,
  service: ResolvedService,
  port: ResolvedPort,
  route: GatewayRoute,
): GatewayRoute | undefined {
  const group = findRouteGroups(mesh, service, port).find(({ rejected }) => rejected.includes(route));
  return group?.routes[0];
}

function reportOtherParent(
  context: ResolveContext & { readonly route: GatewayRoute },
  { group = gatewayGroup, kind = 'Gateway', namespace, name }: RouteParentRef,
  path: FieldPath,
): void {
  const { mesh, route } = context;
  if (kind === 'Service' || kind === 'ServiceEntry') {
    const hint = `write {group: ${kind === 'Service' ? '""' : networkingGroup}, kind: ${kind}, name: ${name}}`;
    const message = `${kind} is not of group "${group}", so this route does not apply to ${kind} "${name}"`;
    return reportRoute(context, 'InvalidValue', [...path, 'group'], message, hint);
  }
  const gateway =
    group === gatewayGroup && kind === 'Gateway'
      ? mesh.get('Gateway', namespace ?? route.metadata.namespace, name)
      : undefined;
  const isOurs = gateway !== undefined && isWaypoint(mesh, gateway);
  reportRoute(
    context,
    'NotServed',
    path,
    isOurs
      ? `Gateway "${name}" is a waypoint, and routes attach to the services that it serves, so this parent has no effect`
      : `${kind} "${name}" is no service, so no waypoint applies this route to it`,
    'name a service: {group: "", kind: Service, name: <name>}',
    isOurs ? 'warning' : 'info',
  );
}
