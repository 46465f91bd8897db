// Our entries of a route's parents, from the generator's view of the route.

import { isOfRevision, requestedWaypoint, resolveGateway, resolveRouteStatus } from '../../../generator/index.ts';
import type { GatewayKey } from '../../../generator/index.ts';
import type { MeshObject, RouteParentRef } from '../../../mesh/index.ts';
import type { WantedStatus } from './status.ts';
import { hasOwnName, isGuest, type StatusView } from './view.ts';

/** A route of any kind. */
export type Route = MeshObject<'GRPCRoute'> | MeshObject<'HTTPRoute'> | MeshObject<'TCPRoute'> | MeshObject<'TLSRoute'>;

/**
 * The name in entries of ours: Istio's, which people and tools wait for, unless Istio itself may
 * run beside.
 */
export function routeControllerName({ settings }: Pick<StatusView, 'settings'>): string {
  return hasOwnName(settings) ? settings.controllerName : 'istio.io/gateway-controller';
}

/**
 * Our entries of `status.parents`; none for parents that are no service, or another control
 * plane's.
 */
export function resolveRouteParents(view: StatusView, route: Route): WantedStatus | undefined {
  const { parents } = resolveRouteStatus(view.mesh, route);
  const { namespace } = route.metadata;
  const own = parents.filter(({ parentRef }) =>
    isGuest(view.settings) ? isOfOurs(view, parentRef, namespace) : !isOfOtherRevision(view, parentRef, namespace),
  );
  // All revisions share this name, so it does not tell whose the entries are: the revision that the
  // route concerns owns them.
  if (own.length === 0 && parents.length > 0 && !hasOwnName(view.settings)) return undefined;
  const controllerName = routeControllerName(view);
  return { kind: 'route', parents: own.map((parent) => ({ ...parent, controllerName })) };
}

type ParentName = Pick<RouteParentRef, 'kind' | 'namespace' | 'name'>;

/** Whether a service is bound to a Gateway of ours. */
export function isOfOurs(view: StatusView, parent: ParentName, home: string): boolean {
  const key = waypointOf(view, parent, home);
  return key !== undefined && resolveGateway(view.mesh, key) !== undefined;
}

/** Whether a service asks for a Gateway of another revision's. */
export function isOfOtherRevision(view: StatusView, parent: ParentName, home: string): boolean {
  const key = waypointOf(view, parent, home);
  const gateway = key === undefined ? undefined : view.mesh.get('Gateway', key.namespace, key.name);
  return gateway !== undefined && !isOfRevision(view.mesh, gateway);
}

function waypointOf({ mesh }: StatusView, { kind, namespace, name }: ParentName, home: string): GatewayKey | undefined {
  const place = namespace ?? home;
  const service = kind === 'ServiceEntry' ? mesh.get('ServiceEntry', place, name) : mesh.get('Service', place, name);
  return service === undefined ? undefined : requestedWaypoint(mesh, service);
}
