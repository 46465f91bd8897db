// The VirtualServices that apply to a service at its waypoint, and their order.

import { isHostMatch, type MeshObject, type MeshSnapshot, resolveHost } from '../../../mesh/index.ts';
import type { GatewayKey } from '../waypoint/gateway.ts';
import type { ResolvedService } from '../service/service.ts';
import { isExportedTo } from '../waypoint/visibility.ts';

/**
 * The VirtualServices of a service: those that name its host, then those with a wildcard that
 * covers it, each oldest first. All of them contribute, in this order. Only those of the waypoint's
 * or the service's namespace count: no other namespace may claim the host.
 */
export function findVirtualServices(
  mesh: MeshSnapshot,
  gateway: GatewayKey,
  service: Pick<ResolvedService, 'host' | 'namespace'>,
): readonly MeshObject<'VirtualService'>[] {
  const exact = mesh.find('VirtualService/host', service.host);
  const wildcard = mesh
    .find('VirtualService/wildcard', '')
    .filter((object) => !exact.includes(object) && coversHost(mesh, object, service.host));
  return [...exact, ...wildcard].filter(
    ({ metadata, spec }) =>
      (metadata.namespace === gateway.namespace || metadata.namespace === service.namespace) &&
      isBoundToMesh(spec.gateways) &&
      isExportedTo(spec.exportTo, metadata.namespace, gateway.namespace),
  );
}

/** Whether a VirtualService applies inside the mesh: it names no gateway, or `mesh` among them. */
export function isBoundToMesh(gateways: readonly string[] | undefined): boolean {
  return gateways === undefined || gateways.length === 0 || gateways.includes('mesh');
}

function coversHost(mesh: MeshSnapshot, object: MeshObject<'VirtualService'>, host: string): boolean {
  return (object.spec.hosts ?? []).some((pattern) =>
    isHostMatch(resolveHost(pattern, object.metadata.namespace, mesh.settings.clusterDomain), host),
  );
}
