// TCPRoutes and TLSRoutes of one TCP port: the destinations of its connections. A waypoint does not
// read the server name of a TLS connection, since the address has named the service already, so the
// two kinds mean the same.

import type { MeshSnapshot } from '../../../mesh/index.ts';
import { refOf } from '../../../mesh/index.ts';
import type { TcpDestination, TcpMatch, TcpRoute } from '../../model/tcp-route.ts';
import type { GatewayKey } from '../waypoint/gateway.ts';
import type { ResolveContext } from '../context.ts';
import { resolveClientNamespace } from '../frontend/client-namespace.ts';
import type { ResolvedPort, ResolvedService } from '../service/service.ts';
import { findRouteGroups, type RouteGroup } from './attachment.ts';
import { resolveBackendRef } from './backend.ts';
import { type GatewayRoute, isRequestRoute, reportRoute, type RouteContext } from './context.ts';

/** A service port at its waypoint. */
interface PortTarget {
  readonly gateway: GatewayKey;
  readonly service: ResolvedService;
  readonly port: ResolvedPort;
}

/**
 * The routes of a TCP port: consumers' for the clients of their namespaces, then the producer's for
 * everyone.
 */
export function resolveGatewayTcpRoutes(context: ResolveContext, target: PortTarget): readonly TcpRoute[] {
  return findTcpGroups(context.mesh, target).flatMap((group): readonly TcpRoute[] => {
    const [first, ...others] = group.routes;
    if (first === undefined) return [];
    for (const other of others) reportLoser(context, first, other);
    const matches = matchesOf(context.mesh, group, target.service);
    return [{ origin: refOf(first), matches, destinations: resolveTcpDestinations(context, target, first) }];
  });
}

function findTcpGroups(mesh: MeshSnapshot, { service, port }: PortTarget): readonly RouteGroup[] {
  return findRouteGroups(mesh, service, port).filter(({ routes }) => !routes.some(isRequestRoute));
}

function matchesOf(
  { settings }: MeshSnapshot,
  { namespace }: RouteGroup,
  service: ResolvedService,
): readonly TcpMatch[] {
  return namespace === service.namespace
    ? []
    : [{ sourceNamespace: resolveClientNamespace(settings, namespace), sourceBlocks: [], destinationBlocks: [] }];
}

function reportLoser(context: ResolveContext, winner: GatewayRoute, route: GatewayRoute): void {
  const { namespace, name } = winner.metadata;
  const message = `${winner.kind} ${namespace}/${name} takes the same connections and is older, or comes first by name, so this is never reached`;
  reportRoute(
    { ...context, route },
    'RouteConflict',
    ['spec', 'rules', 0],
    message,
    'remove one of the two',
    'warning',
  );
}

const closed = 'its share of the connections is closed';

/** The destinations of a route; problems are reported, and passed on. */
export function resolveTcpDestinations(
  context: ResolveContext,
  { gateway, service, port }: PortTarget,
  route: GatewayRoute,
  addProblem: RouteContext['addProblem'] = () => undefined,
): readonly TcpDestination[] {
  const own: RouteContext = { ...context, gateway, service, port: port.number, route, invalidStatus: 500, addProblem };
  const backends = route.spec.rules?.[0]?.backendRefs ?? [];
  const destinations = backends.flatMap((backend, index): readonly TcpDestination[] => {
    const { weight = 1 } = backend;
    const path = ['spec', 'rules', 0, 'backendRefs', index];
    const cluster = resolveBackendRef(own, backend, path, weight === 0 ? 'it could get no connection' : closed, 'tcp');
    return weight === 0 ? [] : [{ ...(cluster === undefined ? {} : { cluster }), weight }];
  });
  if (destinations.length > 0) return destinations;
  const message = 'no backend has a weight, so these connections are closed';
  const hint = 'give at least one backend a weight above 0';
  reportRoute(own, 'WeightsInvalid', ['spec', 'rules', 0, 'backendRefs'], message, hint);
  return [{ weight: 1 }];
}
