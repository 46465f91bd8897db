// Workloads that a waypoint serves under their own addresses (`istio.io/waypoint-for: workload` or
// `all`), with the policies of the Gateway and its class.

import { coversRange, formatAddress, isIpAddress, type MeshObject, parseAddressRange } from '../../../mesh/index.ts';
import type { Authorization } from '../../model/authorization.ts';
import type { DirectFrontend, DirectRoute } from '../../model/direct.ts';
import { everyRequest } from '../../model/http-match.ts';
import type { Retry } from '../../model/http-route.ts';
import type { WaypointGateway } from '../../model/waypoint.ts';
import { resolveAuthentication } from '../authentication/authentication.ts';
import { resolveAuthorization } from '../authorization/authorization.ts';
import { findBoundWorkloads } from '../waypoint/served.ts';
import type { ResolveContext } from '../context.ts';
import { refusalOf } from '../endpoint/reachable.ts';
import { resolveDefaultRetry } from './retry.ts';
import { closeRoutes, resolvePathHandling, resolvePathNormalization } from './path-normalization.ts';
import type { ServedAddress } from '../../model/frontend.ts';

/**
 * The direct frontend of a waypoint; undefined when it serves no workload. An address that is a
 * service's stays the service's.
 */
export function resolveDirect(
  context: ResolveContext,
  gateway: WaypointGateway,
  served: readonly ServedAddress[],
): DirectFrontend | undefined {
  const virtual = new Set(served.flatMap(({ address }) => address.addresses));
  const ranges = [...virtual].flatMap((address) => (address.includes('/') ? (parseAddressRange(address) ?? []) : []));
  const isVirtual = (address: string): boolean => {
    const own = ranges.length === 0 ? undefined : parseAddressRange(address);
    return virtual.has(address) || (own !== undefined && ranges.some((range) => coversRange(range, own)));
  };
  const own = findBoundWorkloads(context, gateway)
    .flatMap(addressesOf)
    .flatMap((address) => (isIpAddress(address) ? formatAddress(address) : []));
  const addresses = [...new Set(own)]
    .filter((address) => !isVirtual(address) && refusalOf(context.mesh, address) === undefined)
    .sort();
  if (addresses.length === 0) return undefined;
  // No policy can name a service without a name, so those of the Gateway and its class are left.
  const service = { kind: 'Service', namespace: gateway.namespace, name: '' } as const;
  const pathNormalization = resolvePathNormalization(context.mesh.settings, gateway);
  const normalized = pathNormalization === undefined ? {} : { pathNormalization };
  const authorize = (protocol: 'http' | 'tcp', port: number | 'any'): Authorization =>
    resolveAuthorization(context, { gateway, service, port, protocol, ...normalized });
  const http = authorize('http', 'any');
  const retry = resolveDefaultRetry(context.mesh.settings);
  return {
    addresses,
    http,
    authentication: resolveAuthentication(context, { gateway, service }),
    paths: resolvePathHandling(pathNormalization),
    routes: closeRoutes([defaultRoute(retry)], pathNormalization, http),
    tcp: authorize('tcp', 'any'),
    tcpPorts: declaredTcpPorts(served).map((port) => ({ port, authorization: authorize('tcp', port) })),
  };
}

/** Ports that every service declares as TCP, sorted. */
function declaredTcpPorts(served: readonly Pick<ServedAddress, 'address'>[]): readonly number[] {
  const others = new Set(served.filter(({ address }) => address.protocol !== 'tcp').map(({ address }) => address.port));
  const ports = served.map(({ address }) => address.port).filter((port) => !others.has(port));
  return [...new Set(ports)].sort((a, b) => a - b);
}

function defaultRoute(retry: Retry | undefined): DirectRoute {
  return {
    name: 'default',
    match: everyRequest,
    action: { kind: 'dialled', timeoutMilliseconds: 0, ...(retry === undefined ? {} : { retry }) },
  };
}

/** A pod with the addresses of its node cannot be distinguished from the node by them. */
function addressesOf(workload: MeshObject<'WorkloadEntry'> | MeshObject<'Pod'>): readonly string[] {
  if (workload.kind === 'WorkloadEntry') return [workload.spec.address ?? ''];
  return workload.spec.hostNetwork === true ? [] : (workload.spec.podIPs ?? []);
}
