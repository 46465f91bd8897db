// The routes that apply to a service port, and their clients. Those of the service's own namespace
// (its producer's) are for every client. Those of any other namespace (a consumer's) are for the
// clients of that namespace alone, which then see no route of the producer.

import { formatParentKey, type MeshSnapshot, type RouteParentRef } from '../../../mesh/index.ts';
import { type ResolvedPort, type ResolvedService, resolveServices } from '../service/service.ts';
import type { GatewayRoute } from './context.ts';

/** The routes of one namespace that apply to a service port. */
export interface RouteGroup {
  readonly namespace: string;
  /** Of one kind, oldest first. */
  readonly routes: readonly GatewayRoute[];
  /**
   * Routes of other kinds that do not apply, since of several kinds only the first has the port:
   * GRPC, HTTP, TLS, TCP.
   */
  readonly rejected: readonly GatewayRoute[];
}

/**
 * The routes of a service port by namespace: consumers' in the order of their names, then the
 * producer's.
 */
export function findRouteGroups(
  mesh: MeshSnapshot,
  service: ResolvedService,
  port: ResolvedPort,
): readonly RouteGroup[] {
  const key = `${service.object.kind}/${service.namespace}/${service.name}`;
  const attached = kindsOf(port)
    .flatMap((kind): readonly GatewayRoute[] => mesh.find(`${kind}/parent`, key) as readonly GatewayRoute[])
    .filter(({ metadata, spec }) =>
      (spec.parentRefs ?? []).some(
        (parent) => formatParentKey(parent, metadata.namespace) === key && selectsPort(parent, port),
      ),
    );
  const namespaces = [...new Set(attached.map(({ metadata }) => metadata.namespace))].sort((a, b) =>
    a === service.namespace ? 1 : b === service.namespace ? -1 : a < b ? -1 : 1,
  );
  return namespaces.map((namespace) => {
    const own = attached.filter(({ metadata }) => metadata.namespace === namespace);
    return {
      namespace,
      routes: own.filter(({ kind }) => kind === own[0]?.kind),
      rejected: own.filter(({ kind }) => kind !== own[0]?.kind),
    };
  });
}

/** The kinds of routes that a port can have, the most specific first. */
export function kindsOf({ protocol }: ResolvedPort): readonly GatewayRoute['kind'][] {
  switch (protocol) {
    case 'auto':
      return ['GRPCRoute', 'HTTPRoute', 'TLSRoute', 'TCPRoute'];
    case 'tcp':
      return ['TLSRoute', 'TCPRoute'];
    case 'udp':
      return [];
    default:
      return ['GRPCRoute', 'HTTPRoute'];
  }
}

/** Whether a parent reference means this port: all of them, unless it names a number or a name. */
export function selectsPort({ port, sectionName }: RouteParentRef, candidate: ResolvedPort): boolean {
  return (
    (port === undefined || port === candidate.number) && (sectionName === undefined || sectionName === candidate.name)
  );
}

/**
 * A parent of a route that is a service: its hosts and the ports that the reference selects; or the
 * reason why it is none.
 */
export type ResolvedParent =
  | { readonly services: readonly ResolvedService[]; readonly ports: readonly ResolvedPort[] }
  | { readonly problem: string; readonly field: 'name' | 'port' | 'sectionName' };

/**
 * Resolves a parent reference; undefined for parents that are no services. The messages are those
 * of status conditions.
 */
export function resolveParent(
  mesh: MeshSnapshot,
  parent: RouteParentRef,
  routeNamespace: string,
): ResolvedParent | undefined {
  if (formatParentKey(parent, routeNamespace) === undefined) return undefined;
  const namespace = parent.namespace ?? routeNamespace;
  const object =
    parent.kind === 'ServiceEntry'
      ? mesh.get('ServiceEntry', namespace, parent.name)
      : mesh.get('Service', namespace, parent.name);
  if (object === undefined) return { problem: `parent service: "${parent.name}" not found`, field: 'name' };
  const services = resolveServices(object, mesh.settings.clusterDomain);
  const all = services[0]?.ports ?? [];
  const ports = all.filter((port) => selectsPort(parent, port));
  if (ports.length > 0) return { services, ports };
  return parent.sectionName === undefined
    ? { problem: `port ${parent.port} not found`, field: 'port' }
    : { problem: `sectionName "${parent.sectionName}" not found`, field: 'sectionName' };
}
