// The waypoints that the rules of a VirtualService or DestinationRule are about: those that the
// services behind its hosts ask for.

import { isWildcardHost, type MeshObject, type MeshSnapshot, resolveHost } from '../../../mesh/index.ts';
import { requestedWaypoint } from './binding.ts';
import { findService } from '../service/service.ts';
import type { GatewayKey } from './gateway.ts';

/**
 * The waypoints that services of its hosts ask for, ours or not; undefined when it names no host of
 * its own: all under a wildcard, or a delegate.
 */
export function listRuleWaypoints(
  mesh: MeshSnapshot,
  { metadata, spec }: MeshObject<'DestinationRule'> | MeshObject<'VirtualService'>,
): readonly GatewayKey[] | undefined {
  const hosts = ('host' in spec ? [spec.host] : (spec.hosts ?? [])).filter((host) => !isWildcardHost(host));
  if (hosts.length === 0) return undefined;
  return hosts.flatMap((host) => {
    const service = findService(
      mesh,
      resolveHost(host, metadata.namespace, mesh.settings.clusterDomain),
      metadata.namespace,
    );
    return service === undefined ? [] : (requestedWaypoint(mesh, service.object) ?? []);
  });
}
