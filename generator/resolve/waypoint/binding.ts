// Which waypoint a service is bound to, and which services a waypoint serves: labels on the service go before those of its namespace.

import {
  compareObjects,
  formatRef,
  hbonePort,
  hboneProtocol,
  isIpAddress,
  listenAddressAnnotation,
  managedLabel,
  managedWaypoints,
  type MeshObject,
  type MeshSnapshot,
  noWaypoint,
  refOf,
  revisionLabel,
  useWaypointLabel,
  useWaypointNamespaceLabel,
  waypointForLabel,
} from '../../../mesh/index.ts';
import type { WaypointGateway } from '../../model/waypoint.ts';
import type { ResolveContext } from '../context.ts';
import { annotatedNormalization } from '../frontend/path-normalization.ts';
import {
  findKubernetesService,
  findService,
  findServiceEntries,
  type ResolvedService,
  resolveServices,
  sortByPrecedence,
} from '../service/service.ts';

/** A Gateway by name. */
export interface GatewayKey {
  readonly namespace: string;
  readonly name: string;
}

/** What the labels of an object ask for: a waypoint, none on purpose, or nothing. */
type Request = GatewayKey | 'none' | undefined;

function requestOf(object: MeshObject | undefined, ownNamespace: string): Request {
  const name = object?.metadata.labels[useWaypointLabel];
  if (name === undefined || name === '') return undefined;
  if (name === noWaypoint) return 'none';
  return { namespace: object?.metadata.labels[useWaypointNamespaceLabel] ?? ownNamespace, name };
}

/** The waypoint that a service asks for by its own label, else by its namespace's; undefined when it asks for none. */
export function requestedWaypoint(
  mesh: MeshSnapshot,
  object: MeshObject<'Service'> | MeshObject<'ServiceEntry'>,
): GatewayKey | undefined {
  const { namespace } = object.metadata;
  if (isPartOfWaypoint(object)) return undefined;
  const own = requestOf(object, namespace);
  const request = own ?? requestOf(mesh.get('Namespace', '', namespace), namespace);
  return request === 'none' ? undefined : request;
}

/** Whether an object belongs to a waypoint itself, whose own traffic no waypoint may take: it would be its own client. */
function isPartOfWaypoint({ metadata }: MeshObject): boolean {
  return managedWaypoints.includes(metadata.labels[managedLabel] ?? '');
}

/** The waypoint that a Gateway is, or undefined when it is of another class or not of a waypoint's shape. */
export function resolveGateway(mesh: MeshSnapshot, key: GatewayKey): WaypointGateway | undefined {
  const gateway = mesh.get('Gateway', key.namespace, key.name);
  if (gateway === undefined || !isWaypoint(mesh, gateway) || gatewayProblem(gateway) !== undefined) return undefined;
  const pathNormalization = annotatedNormalization(gateway);
  return {
    namespace: key.namespace,
    name: key.name,
    className: gateway.spec.gatewayClassName,
    listenAddress: listenAddressOf(gateway) ?? '0.0.0.0',
    trafficType: trafficTypeOf(mesh, gateway),
    ...(pathNormalization === undefined ? {} : { pathNormalization }),
  };
}

/** The address that a Gateway asks to listen at; undefined when it names none, or what it names is no address. */
export function listenAddressOf({ metadata }: MeshObject<'Gateway'>): string | undefined {
  const asked = metadata.annotations[listenAddressAnnotation];
  return asked !== undefined && isIpAddress(asked) ? asked : undefined;
}

/** Whether a Gateway is of the revision that this control plane is; its own label goes before that of its namespace. */
export function isOfRevision(mesh: MeshSnapshot, { metadata }: MeshObject<'Gateway'>): boolean {
  const { revision } = mesh.settings;
  if (revision === undefined) return true;
  const asked =
    metadata.labels[revisionLabel] ?? mesh.get('Namespace', '', metadata.namespace)?.metadata.labels[revisionLabel];
  return normalizeRevision(asked ?? '') === normalizeRevision(revision);
}

function normalizeRevision(revision: string): string {
  return revision === 'default' ? '' : revision;
}

/** Whether a Gateway is of a class and a revision that Cairn runs. */
export function isWaypoint(mesh: MeshSnapshot, gateway: MeshObject<'Gateway'>): boolean {
  if (!isOfRevision(mesh, gateway)) return false;
  const { gatewayClassName } = gateway.spec;
  const declared = mesh.get('GatewayClass', '', gatewayClassName);
  return declared === undefined
    ? gatewayClassName === mesh.settings.waypointClass
    : declared.spec.controllerName === mesh.settings.waypointController;
}

/** What keeps a Gateway of a waypoint class from being a waypoint, in Istio's words. */
export function gatewayProblem(gateway: MeshObject<'Gateway'>): string | undefined {
  const listeners = gateway.spec.listeners ?? [];
  const [listener] = listeners;
  return listeners.length === 1 && listener?.port === hbonePort && listener.protocol === hboneProtocol
    ? undefined
    : `Expected a single listener on port ${hbonePort} with protocol "${hboneProtocol}"`;
}

function trafficTypeOf(mesh: MeshSnapshot, gateway: MeshObject<'Gateway'>): WaypointGateway['trafficType'] {
  const value =
    gateway.metadata.labels[waypointForLabel] ??
    mesh.get('GatewayClass', '', gateway.spec.gatewayClassName)?.metadata.labels[waypointForLabel];
  return value === 'workload' || value === 'all' || value === 'none' ? value : 'service';
}

/** The waypoint that a service is really bound to: requested, existing, of a fitting traffic type, and willing. Problems are reported. */
export function resolveBinding(
  context: ResolveContext,
  object: MeshObject<'Service'> | MeshObject<'ServiceEntry'>,
): WaypointGateway | undefined {
  const { mesh } = context;
  const key = requestedWaypoint(mesh, object);
  if (key === undefined) return undefined;
  const report = (
    code: 'WaypointNotFound' | 'WaypointTrafficType' | 'AttachmentDenied',
    message: string,
    hint: string,
  ): undefined => {
    context.report({ code, severity: 'error', ref: refOf(object), path: ['metadata', 'labels'], message, hint });
  };
  const wanted = `${key.namespace}/${key.name}`;
  const gateway = resolveGateway(mesh, key);
  if (gateway === undefined) {
    const found = mesh.get('Gateway', key.namespace, key.name);
    const exists = found !== undefined;
    if (exists && !isOfRevision(mesh, found)) {
      const message = `Gateway "${wanted}" is of another revision, so what happens to this service is that control plane's affair`;
      const ref = refOf(object);
      context.report({ code: 'WaypointNotFound', severity: 'info', ref, path: ['metadata', 'labels'], message });
      return undefined;
    }
    return report(
      'WaypointNotFound',
      `${exists ? `Gateway "${wanted}" is not a waypoint` : `waypoint "${wanted}" does not exist`}, so this service has no L7 processing`,
      `${exists ? 'make it a Gateway' : `create the Gateway ${wanted}`} of class ${mesh.settings.waypointClass}, or set the label ${useWaypointLabel} to "none"`,
    );
  }
  if (gateway.trafficType !== 'service' && gateway.trafficType !== 'all') {
    return report(
      'WaypointTrafficType',
      `waypoint "${wanted}" serves "${gateway.trafficType}" traffic only, so this service is not bound to it`,
      `set the label ${waypointForLabel} of Gateway ${wanted} to "service" or "all"`,
    );
  }
  if (!admits(mesh, gateway, object.metadata.namespace)) {
    return report(
      'AttachmentDenied',
      `we are not permitted to attach to waypoint "${wanted}" (missing allowedRoutes?)`,
      `allow namespace ${object.metadata.namespace} in allowedRoutes.namespaces of the listener of Gateway ${wanted}`,
    );
  }
  return gateway;
}

/** The workloads that a waypoint serves under their own addresses; none unless its Gateway says so. */
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

function admits(mesh: MeshSnapshot, gateway: WaypointGateway, namespace: string): boolean {
  const listener = mesh.get('Gateway', gateway.namespace, gateway.name)?.spec.listeners?.[0];
  const allowed = listener?.allowedRoutes?.namespaces;
  switch (allowed?.from ?? 'Same') {
    case 'All':
      return true;
    case 'Same':
      return namespace === gateway.namespace;
    case 'Selector':
      return matchesSelector(mesh.get('Namespace', '', namespace)?.metadata.labels ?? {}, allowed?.selector ?? {});
    default:
      return false;
  }
}

type Selector = NonNullable<
  NonNullable<
    NonNullable<NonNullable<MeshObject<'Gateway'>['spec']['listeners']>[number]['allowedRoutes']>['namespaces']
  >['selector']
>;

function matchesSelector(found: Readonly<Record<string, string>>, selector: Selector): boolean {
  const exact = Object.entries(selector.matchLabels ?? {}).every(([key, value]) => found[key] === value);
  return (
    exact &&
    (selector.matchExpressions ?? []).every(({ key, operator, values = [] }) => {
      const value = found[key];
      switch (operator) {
        case 'In':
          return value !== undefined && values.includes(value);
        case 'NotIn':
          return value === undefined || !values.includes(value);
        case 'Exists':
          return value !== undefined;
        case 'DoesNotExist':
          return value === undefined;
      }
    })
  );
}

/**
 * The service that a waypoint serves under a host: the Kubernetes Service of that name, else of the ServiceEntries that are bound to the
 * waypoint that of its own namespace, else the oldest. Entries that other waypoints or none serve do not count.
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

/** The service behind a cluster of a waypoint: one that it serves, or one that its namespace sees under this host. */
export function findBackendService(
  mesh: MeshSnapshot,
  gateway: GatewayKey,
  { host, owned }: { readonly host: string; readonly owned: boolean },
): ResolvedService | undefined {
  return owned ? findServedService(mesh, gateway, host) : findService(mesh, host, gateway.namespace);
}

function isBoundTo(mesh: MeshSnapshot, gateway: GatewayKey, object: ResolvedService['object']): boolean {
  const binding = resolveBinding({ mesh, report: () => undefined }, object);
  return binding?.namespace === gateway.namespace && binding.name === gateway.name;
}

/** The services that a waypoint serves, each host once, in the order of their age. */
export function resolveServedServices(context: ResolveContext, gateway: WaypointGateway): readonly ResolvedService[] {
  const { mesh } = context;
  const key = `${gateway.namespace}/${gateway.name}`;
  const candidates: (MeshObject<'Service'> | MeshObject<'ServiceEntry'>)[] = [
    ...mesh.find('Service/waypoint', key),
    ...mesh.find('ServiceEntry/waypoint', key),
  ];
  for (const namespace of mesh.find('Namespace/waypoint', key)) {
    const inNamespace = [
      ...mesh.find('Service/namespace', namespace.metadata.name),
      ...mesh.find('ServiceEntry/namespace', namespace.metadata.name),
    ];
    candidates.push(...inNamespace.filter(({ metadata }) => !(useWaypointLabel in metadata.labels)));
  }
  const services = candidates
    .filter((object) => resolveBinding(context, object) !== undefined)
    .sort(compareObjects)
    .flatMap((object) => resolveServices(object, mesh.settings.clusterDomain))
    .filter((service) => isHostOwner(context, gateway, service));
  return [...new Map(services.map((service) => [service.host, service])).values()];
}

/** At a waypoint a host is one service; whoever declares it again is told. */
function isHostOwner(context: ResolveContext, gateway: GatewayKey, service: ResolvedService): boolean {
  if (service.object.kind === 'Service') return true;
  const owner = findServedService(context.mesh, gateway, service.host);
  if (owner === undefined || formatRef(owner.ref) === formatRef(service.ref)) return true;
  reportLostHost(context, service, owner);
  return false;
}

/** Says that a ServiceEntry's declaration of a host has no effect; the same words wherever that is found. */
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
