// One service port of a waypoint: its routes, its authorization, and its addresses.

import type { MeshObject } from '../../../mesh/index.ts';
import type { Authorization } from '../../model/authorization.ts';
import type { ClusterKey } from '../../model/cluster.ts';
import type { HttpRoute, Retry } from '../../model/http-route.ts';
import type { WaypointGateway } from '../../model/waypoint.ts';
import { resolveAuthentication } from '../authentication/authentication.ts';
import { resolveAuthorization } from '../authorization/authorization.ts';
import type { ResolveContext } from '../context.ts';
import { isClosed, reportGoingBefore, resolveGatewayRoutes } from '../gateway-route/routes.ts';
import { isByHost } from '../backend/discovery.ts';
import { keepBackendSession } from '../backend-traffic/session.ts';
import type { ResolvedPort, ResolvedService } from '../service/service.ts';
import { everyRequest, matchesEverything, noRoute } from '../../model/http-match.ts';
import { resolveDefaultRetry } from './retry.ts';
import { closeRoutes, resolvePathHandling, resolvePathNormalization } from './path-normalization.ts';
import { resolveVirtualServiceRoutes } from '../virtual-service/routes.ts';
import { createShadows } from '../virtual-service/shadows.ts';
import { findVirtualServices } from '../virtual-service/selection.ts';
import { resolveTcpRoutes } from '../virtual-service/tcp-routes.ts';
import type { Frontend, FrontendAddress } from '../../model/frontend.ts';

/**
 * The address of a port in the waypoint's listener; undefined for protocols that a waypoint does
 * not serve.
 */
export function resolveFrontendAddress(
  { mesh }: ResolveContext,
  gateway: WaypointGateway,
  service: ResolvedService,
  port: ResolvedPort,
): FrontendAddress | undefined {
  if (port.protocol === 'udp') return undefined;
  const { host, addresses, object } = service;
  return {
    host,
    port: port.number,
    protocol: port.protocol,
    addresses,
    ...(isByHost(service, port) ? { forwardPort: Number(port.targetPort) } : {}),
    paths: resolvePathHandling(resolvePathNormalization(mesh.settings, gateway, object)),
  };
}

/** The whole meaning of one service port at its waypoint, or undefined when it is not served. */
export function resolveFrontend(
  context: ResolveContext,
  gateway: WaypointGateway,
  service: ResolvedService,
  port: ResolvedPort,
): Frontend | undefined {
  const address = resolveFrontendAddress(context, gateway, service, port);
  if (address === undefined) return undefined;
  const { host, port: number, addresses, protocol } = address;
  const pathNormalization = resolvePathNormalization(context.mesh.settings, gateway, service.object);
  const target = {
    gateway,
    service: { kind: service.object.kind, namespace: service.namespace, name: service.name },
    port: number,
    addresses,
    ...(pathNormalization === undefined ? {} : { pathNormalization }),
  };
  const authorize = (level: 'http' | 'tcp'): Authorization =>
    resolveAuthorization(context, { ...target, protocol: level });
  const frontend = {
    address,
    service: { namespace: service.namespace, name: service.name },
  };
  const tcp =
    protocol === 'tcp' || protocol === 'auto'
      ? {
          tcp: {
            host,
            port: number,
            routes: resolveTcpRoutes(context, { gateway, service, port }),
            authorization: authorize('tcp'),
          },
        }
      : {};
  if (protocol === 'tcp') return { ...frontend, ...tcp };
  const routes = resolveRoutes(context, gateway, service, port).map((route) =>
    keepBackendSession(context, gateway, route),
  );
  const authorization = authorize('http');
  return {
    ...frontend,
    http: {
      host,
      port: number,
      routes: closeRoutes(routes, pathNormalization, authorization),
      ...(address.forwardPort === undefined ? {} : { onlyHosts: { wildcard: host, otherRoutes: [noRoute] } }),
      authentication: resolveAuthentication(context, target),
      authorization,
    },
    ...tcp,
  };
}

/**
 * The routes of the Gateway API, then those of every VirtualService that applies; the service's own
 * default route if neither covers every client.
 */
function resolveRoutes(
  context: ResolveContext,
  gateway: WaypointGateway,
  service: ResolvedService,
  port: ResolvedPort,
): readonly HttpRoute[] {
  const owners = findVirtualServices(context.mesh, gateway, service).filter(({ spec }) => (spec.http ?? []).length > 0);
  const gatewayRoutes = resolveGatewayRoutes(context, gateway, service, port);
  if (owners.length === 0) {
    const cluster = { owned: true, host: service.host, port: port.number, protocol: 'http' } as const;
    const own = defaultRoute(cluster, resolveDefaultRetry(context.mesh.settings));
    return gatewayRoutes.producers.length === 0 ? [...gatewayRoutes.routes, own] : gatewayRoutes.routes;
  }
  reportGoingBefore(context, gatewayRoutes, service, owners);
  if (isClosed(gatewayRoutes)) return gatewayRoutes.routes;
  const routes: HttpRoute[] = [...gatewayRoutes.routes];
  const shadows = createShadows();
  let closedBy: (typeof owners)[number] | undefined;
  for (const owner of owners) {
    const own = resolveVirtualServiceRoutes(
      { ...context, gateway, service, port, owner },
      closedBy === undefined ? shadows : createShadows(),
    );
    if (closedBy !== undefined) {
      if (!namesPorts(closedBy))
        context.report({
          code: 'RouteConflict',
          severity: 'warning',
          ref: { kind: owner.kind, namespace: owner.metadata.namespace, name: owner.metadata.name },
          path: ['spec', 'hosts'],
          message: `VirtualService ${closedBy.metadata.namespace}/${closedBy.metadata.name} already takes every request for "${service.host}", so none of these rules is reached`,
          hint: 'merge the two VirtualServices, or give the first one conditions',
        });
      continue;
    }
    routes.push(...own);
    if (own.some(({ match }) => matchesEverything(match))) closedBy = owner;
  }
  return routes;
}

/**
 * Whether rules depend on the requested port, so that those of others may be reached on another
 * port.
 */
function namesPorts({ spec }: MeshObject<'VirtualService'>): boolean {
  return (spec.http ?? []).some(({ match = [] }) => match.some(({ port }) => port !== undefined));
}

function defaultRoute(cluster: ClusterKey, retry: Retry | undefined): HttpRoute {
  return {
    name: 'default',
    match: everyRequest,
    action: {
      kind: 'forward',
      destinations: [{ cluster, weight: 100 }],
      invalidStatus: 503,
      timeoutMilliseconds: 0,
      ...(retry === undefined ? {} : { retry }),
      mirrors: [],
    },
  };
}
