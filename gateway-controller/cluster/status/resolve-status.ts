// The kinds whose status we write, in one table: how the status is written, and the status of one
// object.

import { isWaypoint } from '../../../generator/index.ts';
import { type ApiResource, resources } from '../../../kubernetes/index.ts';
import type { MeshObject, ObjectRef, StatusKindName } from '../../../mesh/index.ts';
import { configurationAcceptedCondition } from '../cluster-context.ts';
import { resolveAncestors } from './ancestor-status.ts';
import { resolveBindingStatus, resolveEntryStatus, resolveWorkloadStatus } from './binding-status.ts';
import { resolveTrafficStatus } from './finding-status.ts';
import { resolveClassStatus, resolveGatewayStatus } from './gateway-status.ts';
import { resolveListenerSetStatus } from './listener-set-status.ts';
import { resolvePolicyStatus } from './policy-status.ts';
import { isSuperseded, type RejectedForm, resolveRejected } from './rejected-status.ts';
import { resolveRouteParents, type Route } from './route-status.ts';
import { accepted, deployed, type WantedStatus, waypointAccepted, waypointBound, waypointMissing } from './status.ts';
import type { StatusView } from './view.ts';

/** How the status of a kind is written. */
export interface StatusKind {
  readonly resource: ApiResource;
  /**
   * The part that `formatStatusManager` makes a field manager of: one for each kind of status, so
   * that the writer can be seen, and the entries removed.
   */
  readonly manager: string;
  /** The types of conditions that are ours; others are never touched. */
  readonly conditionTypes: readonly string[];
  /**
   * Whether the API merges conditions by type. Istio's kinds do not: there, the list is replaced as
   * a whole.
   */
  readonly mergesConditions: boolean;
}

interface StatusOf<Object> {
  readonly manager: string;
  readonly conditionTypes?: readonly string[];
  readonly mergesConditions?: boolean;
  /** The place for the faults of an object that cannot be read. */
  readonly rejected?: RejectedForm;
  /** The status of an object; undefined if it is not ours to report on. */
  resolve(view: StatusView, object: Object): WantedStatus | undefined;
}

const policy = {
  manager: 'policy',
  conditionTypes: [waypointAccepted, accepted],
  rejected: 'conditions',
  resolve: resolvePolicyStatus,
} as const;
const traffic = {
  manager: 'traffic',
  conditionTypes: [accepted],
  rejected: 'conditions',
  resolve: resolveTrafficStatus,
} as const;
const route: StatusOf<Route> = { manager: 'route', ...ofNewest('route', resolveRouteParents) };

/**
 * A status about the newest version of an object: its faults if it cannot be read, although an
 * older version is in force.
 */
function ofNewest<Object extends MeshObject>(
  rejected: RejectedForm,
  resolve: StatusOf<Object>['resolve'],
): Pick<StatusOf<Object>, 'rejected' | 'resolve'> {
  return {
    rejected,
    resolve: (view, object) =>
      isSuperseded(view, object) ? resolveRejected(view, object, rejected) : resolve(view, object),
  };
}

/** Every kind of the mesh whose status is written, by name. */
const statuses: { readonly [K in StatusKindName]: StatusOf<MeshObject<K>> } = {
  AuthorizationPolicy: policy,
  BackendTLSPolicy: { manager: 'policy', resolve: resolveAncestors },
  DestinationRule: traffic,
  Gateway: {
    manager: 'gateway',
    conditionTypes: ['Accepted', 'Programmed', configurationAcceptedCondition, deployed],
    mergesConditions: true,
    resolve: (view, gateway) => (isWaypoint(view.mesh, gateway) ? resolveGatewayStatus(view, gateway) : undefined),
  },
  GatewayClass: {
    manager: 'gatewayclass',
    conditionTypes: ['Accepted'],
    mergesConditions: true,
    resolve: (view, declared) =>
      declared.spec.controllerName === view.settings.controllerName ? resolveClassStatus(declared) : undefined,
  },
  GRPCRoute: route,
  HTTPRoute: route,
  RequestAuthentication: policy,
  Service: {
    manager: 'service',
    conditionTypes: [waypointBound],
    mergesConditions: true,
    resolve: resolveBindingStatus,
  },
  ServiceEntry: {
    manager: 'service',
    conditionTypes: [waypointBound, waypointMissing],
    resolve: resolveEntryStatus,
  },
  TCPRoute: route,
  TLSRoute: route,
  VirtualService: traffic,
  WorkloadEntry: { manager: 'service', conditionTypes: [waypointBound], resolve: resolveWorkloadStatus },
  XBackendTrafficPolicy: { manager: 'policy', ...ofNewest('ancestors', resolveAncestors) },
};

/** A kind without meaning to the mesh, which gets a status all the same. */
export const listenerSetKind = 'ListenerSet';

/** The kinds of the mesh whose status is written. */
export const statusKindNames: readonly StatusKindName[] = Object.keys(statuses) as readonly StatusKindName[];

function isStatusKind(kind: string): kind is StatusKindName {
  return Object.hasOwn(statuses, kind);
}

const listenerSet: StatusKind = {
  resource: resources[listenerSetKind],
  manager: 'gateway',
  conditionTypes: ['Accepted', 'Programmed'],
  mergesConditions: true,
};

/** How the status of a kind is written; undefined for kinds without one of ours. */
export function findStatusKind(kind: string): StatusKind | undefined {
  if (kind === listenerSetKind) return listenerSet;
  if (!isStatusKind(kind)) return undefined;
  const { manager, conditionTypes = [], mergesConditions = false } = statuses[kind];
  return { resource: resources[kind], manager, conditionTypes, mergesConditions };
}

/** The status of an object; undefined when the object is gone, or not ours to report on. */
export function resolveStatus(view: StatusView, { kind, namespace, name }: ObjectRef): WantedStatus | undefined {
  if (kind === listenerSetKind) {
    const object = view.object(kind, namespace, name);
    return object === undefined ? undefined : resolveListenerSetStatus(view, object);
  }
  if (!isStatusKind(kind)) return undefined;
  const object = view.mesh.get(kind, namespace, name);
  const status: StatusOf<MeshObject> = statuses[kind];
  if (object !== undefined) return status.resolve(view, object);
  return resolveRejected(view, { kind, metadata: { namespace, name } }, status.rejected);
}
