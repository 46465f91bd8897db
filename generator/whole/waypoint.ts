// Translation of a whole waypoint at once: the output of `cairn translate`, which the incremental
// generator must equal.

import { type EnvoyResource, typeUrls } from '../../envoy-api/index.ts';
import type { Finding, MeshSnapshot } from '../../mesh/index.ts';
import { analyzeObjects } from '../analyze/objects.ts';
import { collectFindings } from '../analyze/findings.ts';
import { type BackendKey, makeBackendPart, makeConnectPart, makeFrontendPart, makeListenerPart } from '../parts.ts';
import { type GatewayKey, resolveGateway } from '../resolve/waypoint/gateway.ts';

/**
 * Resources of one proxy, in the order of types in which they are sent, and the Findings on the
 * way.
 */
export interface Translation {
  readonly resources: readonly EnvoyResource[];
  readonly findings: readonly Finding[];
}

/** The waypoints of a configuration, sorted by namespace and name. */
export function listWaypoints(mesh: MeshSnapshot): readonly GatewayKey[] {
  return mesh
    .list('Gateway')
    .map(({ metadata: { namespace, name } }) => ({ namespace, name }))
    .filter((key) => resolveGateway(mesh, key) !== undefined)
    .sort((a, b) => (`${a.namespace}/${a.name}` < `${b.namespace}/${b.name}` ? -1 : 1));
}

/** All resources of one waypoint. None when the Gateway is not a waypoint. */
export function translateWaypoint(mesh: MeshSnapshot, key: GatewayKey): Translation {
  const found = collectFindings();
  const context = { mesh, report: found.report };
  const listeners = makeListenerPart(context, key);
  if (listeners === undefined) return { resources: [], findings: found.list() };
  const resources = [...listeners.resources];
  const foreign = new Map<string, BackendKey>();
  const tcp = [];
  const name = (backends: readonly BackendKey[]): void => {
    for (const each of backends) if (!each.owned) foreign.set(`${each.host}:${each.port}`, each);
  };
  name(listeners.backends);
  for (const { address } of listeners.served) {
    const part = makeFrontendPart(context, key, address);
    resources.push(...part.resources, ...makeBackendPart(context, key, { ...address, owned: true }));
    if (part.tcp !== undefined) tcp.push(part.tcp);
    name(part.backends);
  }
  for (const target of foreign.values()) resources.push(...makeBackendPart(context, key, target));
  resources.push(...makeConnectPart(tcp, listeners));
  return { resources: sortResources(resources), findings: found.list() };
}

/**
 * Every Finding about the meaning of a configuration: of each object on its own, and of each
 * waypoint.
 */
export function analyzeMesh(mesh: MeshSnapshot): readonly Finding[] {
  const found = collectFindings();
  analyzeObjects({ mesh, report: found.report });
  for (const key of listWaypoints(mesh))
    for (const finding of translateWaypoint(mesh, key).findings) found.report(finding);
  return found.list();
}

const order: readonly string[] = [
  typeUrls.cluster,
  typeUrls.clusterLoadAssignment,
  typeUrls.listener,
  typeUrls.routeConfiguration,
  typeUrls.extensionConfig,
  typeUrls.secret,
];

/** By type in the order of sending, then by name. */
export function sortResources(resources: readonly EnvoyResource[]): readonly EnvoyResource[] {
  return [...resources].sort((a, b) => {
    const byType = order.indexOf(a.typeUrl) - order.indexOf(b.typeUrl);
    return byType !== 0 ? byType : a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
  });
}
