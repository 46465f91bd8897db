// Translation of a whole waypoint at once: the output of `cairn translate`, which the incremental
// generator must equal.

import { type EnvoyResource, typeUrls } from '../../envoy-api/index.ts';
import type { Finding, MeshSnapshot } from '../../mesh/index.ts';
import { analyzeObjects } from '../analyze/objects.ts';
import { collectFindings } from '../analyze/findings.ts';
import type { WaypointModel } from '../model/waypoint.ts';
import {
  backendsOfFrontend,
  backendsOfListeners,
  renderAddresses,
  renderFrontend,
  renderListeners,
  resolveBackendPart,
  resolveFrontendPart,
  resolveListenerPart,
} from '../parts.ts';
import { renderBackend } from '../render/clusters/discovery.ts';
import { type ResolveContext, withoutFindings } from '../resolve/context.ts';
import { resolveDispatch } from '../resolve/frontend/listeners.ts';
import { resolveAllPorts } from '../resolve/frontend/served-ports.ts';
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

/** The meaning of one waypoint, as plain data; undefined when the Gateway is no waypoint. */
export function resolveWaypoint(mesh: MeshSnapshot, key: GatewayKey): WaypointModel | undefined {
  return resolveModel(withoutFindings(mesh), key);
}

function resolveModel(context: ResolveContext, key: GatewayKey): WaypointModel | undefined {
  const listeners = resolveListenerPart(context, key);
  if (listeners === undefined) return undefined;
  const { direct, gateway } = listeners;
  const served = resolveAllPorts(context, gateway);
  const addresses = served.map(({ address }) => address);
  const frontends = addresses.flatMap((address) => resolveFrontendPart(context, key, address) ?? []);
  const named = [backendsOfListeners(listeners), ...frontends.map(backendsOfFrontend)].flat();
  const foreign = named.filter(({ owned }) => !owned).map((each) => [`${each.host}:${each.port}`, each] as const);
  return {
    listeners,
    served,
    dispatch: resolveDispatch(context.mesh.settings, served, direct),
    frontends,
    backends: [
      ...addresses.map(({ host, port }) => ({ host, port, owned: true })),
      ...new Map(foreign).values(),
    ].flatMap((backend) => resolveBackendPart(context, key, backend)),
  };
}

/** All resources of one waypoint. None when the Gateway is not a waypoint. */
export function translateWaypoint(mesh: MeshSnapshot, key: GatewayKey): Translation {
  const found = collectFindings();
  const model = resolveModel({ mesh, report: found.report }, key);
  if (model === undefined) return { resources: [], findings: found.list() };
  const resources = [
    ...renderListeners(model.listeners),
    ...model.frontends.flatMap(renderFrontend),
    ...model.backends.flatMap(renderBackend),
    ...model.served.flatMap((served) => renderAddresses(served)),
  ];
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
  typeUrls.scopedRoute,
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
