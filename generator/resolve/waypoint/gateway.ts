// The waypoint of a Gateway, and the namespaces that it admits.

import { annotatedNormalization } from '../frontend/path-normalization.ts';
import type { WaypointGateway } from '../../model/waypoint.ts';
import {
  hbonePort,
  hboneProtocol,
  isIpAddress,
  listenAddressAnnotation,
  type MeshObject,
  type MeshSnapshot,
  revisionLabel,
  waypointForLabel,
} from '../../../mesh/index.ts';

/** A Gateway by name. */
export interface GatewayKey {
  readonly namespace: string;
  readonly name: string;
}

/**
 * The waypoint of a Gateway, or undefined when it is of another class or not of a waypoint's shape.
 */
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

/**
 * The listen address that a Gateway asks for; undefined when it names none, or none that is valid.
 */
export function listenAddressOf({ metadata }: MeshObject<'Gateway'>): string | undefined {
  const asked = metadata.annotations[listenAddressAnnotation];
  return asked !== undefined && isIpAddress(asked) ? asked : undefined;
}

/**
 * Whether a Gateway is of this control plane's revision; its own label has precedence over that of
 * its namespace.
 */
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

/** The reason why a Gateway of a waypoint class is no waypoint, in Istio's words. */
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

export function admits(mesh: MeshSnapshot, gateway: WaypointGateway, namespace: string): boolean {
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
