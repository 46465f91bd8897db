// Our entries of a route's parents, from what the generator says of the route.

import { requestedWaypoint, resolveGateway, resolveRouteStatus } from '../../generator/index.ts';
import type { MeshObject, RouteParentRef } from '../../mesh/index.ts';
import type { WantedStatus } from './status.ts';
import { isGuest, type StatusView } from './view.ts';

/** A route of any kind. */
export type Route = MeshObject<'GRPCRoute'> | MeshObject<'HTTPRoute'> | MeshObject<'TCPRoute'> | MeshObject<'TLSRoute'>;

/** The name in entries of ours: Istio's, which people and tools wait for, unless Istio itself may run beside. */
export function routeControllerName({ settings }: Pick<StatusView, 'settings'>): string {
  return isGuest(settings) ? settings.controllerName : 'istio.io/gateway-controller';
}

/** Our entries of `status.parents`; none for parents that are no service, or another control plane's. */
export function resolveRouteParents(view: StatusView, route: Route): WantedStatus {
  const { parents } = resolveRouteStatus(view.mesh, route);
  const own = isGuest(view.settings)
    ? parents.filter(({ parentRef }) => isOfOurs(view, parentRef, route.metadata.namespace))
    : parents;
  const controllerName = routeControllerName(view);
  return { kind: 'route', parents: own.map((parent) => ({ ...parent, controllerName })) };
}

/** Whether a service is bound to a Gateway of ours. */
export function isOfOurs(
  view: StatusView,
  { kind, namespace, name }: Pick<RouteParentRef, 'kind' | 'namespace' | 'name'>,
  home: string,
): boolean {
  const { mesh } = view;
  const place = namespace ?? home;
  const service = kind === 'ServiceEntry' ? mesh.get('ServiceEntry', place, name) : mesh.get('Service', place, name);
  const key = service === undefined ? undefined : requestedWaypoint(mesh, service);
  return key !== undefined && resolveGateway(mesh, key) !== undefined;
}
