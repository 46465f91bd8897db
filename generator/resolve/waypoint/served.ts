// The services and workloads that a waypoint serves: each host once.

import type { ResolveContext } from '../context.ts';
import {
  findKubernetesService,
  findService,
  findServiceEntries,
  type ResolvedService,
  resolveServices,
  sortByPrecedence,
} from '../service/service.ts';
import type { WaypointGateway } from '../../model/waypoint.ts';
import {
  compareObjects,
  formatRef,
  type MeshObject,
  type MeshSnapshot,
  useWaypointLabel,
} from '../../../mesh/index.ts';
import { isPartOfWaypoint, judgeBinding, resolveBinding } from './binding.ts';
import { admits, type GatewayKey } from './gateway.ts';

/**
 * The workloads that a waypoint serves under their own addresses; none unless its Gateway says so.
 */
export function findBoundWorkloads(
  { mesh }: Pick<ResolveContext, 'mesh'>,
  gateway: WaypointGateway,
): readonly (MeshObject<'WorkloadEntry'> | MeshObject<'Pod'>)[] {
  if (gateway.trafficType !== 'workload' && gateway.trafficType !== 'all') return [];
  const key = `${gateway.namespace}/${gateway.name}`;
  const inNamespaces = mesh
    .find('Namespace/waypoint', key)
    .flatMap(({ metadata: { name } }) => [
      ...mesh.find('WorkloadEntry/namespace', name),
      ...mesh.find('Pod/namespace', name),
    ])
    .filter(({ metadata }) => !(useWaypointLabel in metadata.labels));
  const labelled = [...mesh.find('WorkloadEntry/waypoint', key), ...mesh.find('Pod/waypoint', key)];
  return [...labelled, ...inNamespaces].filter(
    (workload) => !isPartOfWaypoint(workload) && admits(mesh, gateway, workload.metadata.namespace),
  );
}

/**
 * The service that a waypoint serves under a host: the Kubernetes Service of that name, else of the
 * ServiceEntries that are bound to the waypoint that of its own namespace, else the oldest. Entries
 * that other waypoints or none serve do not count.
 */
export function findServedService(mesh: MeshSnapshot, gateway: GatewayKey, host: string): ResolvedService | undefined {
  const service = findKubernetesService(mesh, host);
  if (service !== undefined) return service;
  const entries = findServiceEntries(mesh, host);
  if (entries.length < 2) return entries[0];
  const bound = entries.filter(({ object }) => isBoundTo(mesh, gateway, object));
  return sortByPrecedence(bound, gateway.namespace)[0];
}

/** Whether a waypoint serves this service, and no other one under the same host. */
export function isServedBy(mesh: MeshSnapshot, gateway: GatewayKey, { host, ref, object }: ResolvedService): boolean {
  const served = findServedService(mesh, gateway, host)?.ref;
  return served !== undefined && formatRef(served) === formatRef(ref) && isBoundTo(mesh, gateway, object);
}

/**
 * The service behind a cluster of a waypoint: one that it serves, or one that its namespace sees
 * under this host.
 */
export function findBackendService(
  mesh: MeshSnapshot,
  gateway: GatewayKey,
  { host, owned }: { readonly host: string; readonly owned: boolean },
): ResolvedService | undefined {
  return owned ? findServedService(mesh, gateway, host) : findService(mesh, host, gateway.namespace);
}

function isBoundTo(mesh: MeshSnapshot, gateway: GatewayKey, object: ResolvedService['object']): boolean {
  const { gateway: bound } = judgeBinding(mesh, object);
  return bound?.namespace === gateway.namespace && bound.name === gateway.name;
}

/** An object that declares services. */
export type ServiceObject = MeshObject<'Service'> | MeshObject<'ServiceEntry'>;

/** The services that a waypoint serves, each host once, in the order of their age. */
export function resolveServedServices(context: ResolveContext, gateway: WaypointGateway): readonly ResolvedService[] {
  return [...listCandidates(context.mesh, gateway)]
    .sort(compareObjects)
    .flatMap((object) => resolveOwnServices(context, gateway, object));
}

/** The objects that ask for a waypoint by their labels or those of their namespace. */
export function listCandidates(mesh: MeshSnapshot, gateway: GatewayKey): readonly ServiceObject[] {
  const key = `${gateway.namespace}/${gateway.name}`;
  const candidates: ServiceObject[] = [
    ...mesh.find('Service/waypoint', key),
    ...mesh.find('ServiceEntry/waypoint', key),
  ];
  for (const namespace of mesh.find('Namespace/waypoint', key)) {
    const { name } = namespace.metadata;
    for (const object of [...mesh.find('Service/namespace', name), ...mesh.find('ServiceEntry/namespace', name)]) {
      if (!(useWaypointLabel in object.metadata.labels)) candidates.push(object);
    }
  }
  return candidates;
}

/** The services of an object that a waypoint serves, each host once. */
export function resolveOwnServices(
  context: ResolveContext,
  gateway: GatewayKey,
  object: ServiceObject,
): readonly ResolvedService[] {
  const bound = resolveBinding(context, object);
  if (bound?.namespace !== gateway.namespace || bound.name !== gateway.name) return [];
  const services = resolveServices(object, context.mesh.settings.clusterDomain).filter((service) =>
    isHostOwner(context, gateway, service),
  );
  return [...new Map(services.map((service) => [service.host, service])).values()];
}

/** At a waypoint a host is one service; other declarations of it get a Finding. */
function isHostOwner(context: ResolveContext, gateway: GatewayKey, service: ResolvedService): boolean {
  if (service.object.kind === 'Service') return true;
  const owner = findServedService(context.mesh, gateway, service.host);
  if (owner === undefined || formatRef(owner.ref) === formatRef(service.ref)) return true;
  reportLostHost(context, service, owner);
  return false;
}

/**
 * Reports that a ServiceEntry's declaration of a host has no effect, in the same words everywhere.
 */
export function reportLostHost(
  { report }: ResolveContext,
  { host, ref }: ResolvedService,
  owner: ResolvedService,
): void {
  report({
    code: 'AddressConflict',
    severity: 'error',
    ref,
    path: ['spec', 'hosts'],
    message: `"${host}" is ${formatRef(owner.ref)} already, so this declaration of it has no effect`,
    hint: 'give each service a host of its own',
  });
}
