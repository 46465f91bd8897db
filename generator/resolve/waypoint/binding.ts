// The waypoint that a service is bound to, and the services that a waypoint serves: labels on the
// service have precedence over those of its namespace.

import {
  type Finding,
  type FindingCode,
  managedLabel,
  managedWaypoints,
  type MeshObject,
  type MeshSnapshot,
  noWaypoint,
  refOf,
  useWaypointLabel,
  useWaypointNamespaceLabel,
  waypointForLabel,
} from '../../../mesh/index.ts';
import type { WaypointGateway } from '../../model/waypoint.ts';
import type { ResolveContext } from '../context.ts';
import type { GatewayKey } from './gateway.ts';
import { resolveGateway, isOfRevision, admits } from './gateway.ts';

/** The request in an object's labels: a waypoint, none on purpose, or nothing. */
type Request = GatewayKey | 'none' | undefined;

function requestOf(object: MeshObject | undefined, ownNamespace: string): Request {
  const name = object?.metadata.labels[useWaypointLabel];
  if (name === undefined || name === '') return undefined;
  if (name === noWaypoint) return 'none';
  return { namespace: object?.metadata.labels[useWaypointNamespaceLabel] ?? ownNamespace, name };
}

/**
 * The waypoint that a service asks for by its own label, else by its namespace's; undefined when it
 * asks for none.
 */
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

/**
 * Whether an object belongs to a waypoint itself, whose own traffic no waypoint may take: it would
 * be its own client.
 */
export function isPartOfWaypoint({ metadata }: MeshObject): boolean {
  return managedWaypoints.includes(metadata.labels[managedLabel] ?? '');
}

/** The reason why a service lacks the waypoint that it asks for. */
type BindingProblem = Pick<Finding, 'code' | 'severity' | 'message' | 'hint'>;

/**
 * The waypoint of a service, or the reason why it lacks the one that it asks for; neither if it
 * asks for none.
 */
export interface Binding {
  readonly gateway?: WaypointGateway;
  readonly problem?: BindingProblem;
}

/**
 * The waypoint that a service is really bound to: requested, existing, of a fitting traffic type,
 * and willing.
 */
export function judgeBinding(mesh: MeshSnapshot, object: MeshObject<'Service'> | MeshObject<'ServiceEntry'>): Binding {
  const key = requestedWaypoint(mesh, object);
  if (key === undefined) return {};
  const refused = (code: FindingCode, message: string, hint: string): Binding => ({
    problem: { code, severity: 'error', message, hint },
  });
  const wanted = `${key.namespace}/${key.name}`;
  const gateway = resolveGateway(mesh, key);
  if (gateway === undefined) {
    const found = mesh.get('Gateway', key.namespace, key.name);
    const exists = found !== undefined;
    if (exists && !isOfRevision(mesh, found)) {
      const message = `Gateway "${wanted}" is of another revision, so what happens to this service is that control plane's affair`;
      return { problem: { code: 'WaypointNotFound', severity: 'info', message } };
    }
    return refused(
      'WaypointNotFound',
      `${exists ? `Gateway "${wanted}" is not a waypoint` : `waypoint "${wanted}" does not exist`}, so this service has no L7 processing`,
      `${exists ? 'make it a Gateway' : `create the Gateway ${wanted}`} of class ${mesh.settings.waypointClass}, or set the label ${useWaypointLabel} to "none"`,
    );
  }
  if (gateway.trafficType !== 'service' && gateway.trafficType !== 'all') {
    return refused(
      'WaypointTrafficType',
      `waypoint "${wanted}" serves "${gateway.trafficType}" traffic only, so this service is not bound to it`,
      `set the label ${waypointForLabel} of Gateway ${wanted} to "service" or "all"`,
    );
  }
  if (!admits(mesh, gateway, object.metadata.namespace)) {
    return refused(
      'AttachmentDenied',
      `we are not permitted to attach to waypoint "${wanted}" (missing allowedRoutes?)`,
      `allow namespace ${object.metadata.namespace} in allowedRoutes.namespaces of the listener of Gateway ${wanted}`,
    );
  }
  return { gateway };
}

/** Like `judgeBinding`, but also reports the reason why there is none. */
export function resolveBinding(
  { mesh, report }: ResolveContext,
  object: MeshObject<'Service'> | MeshObject<'ServiceEntry'>,
): WaypointGateway | undefined {
  const { gateway, problem } = judgeBinding(mesh, object);
  if (problem !== undefined) report({ ...problem, ref: refOf(object), path: ['metadata', 'labels'] });
  return gateway;
}
