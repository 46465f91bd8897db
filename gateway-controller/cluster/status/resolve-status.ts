// The kinds whose status we write, their resources in the API, and the status of one object.

import { isWaypoint } from '../../../generator/index.ts';
import { type ApiResource, resources } from '../../../kubernetes/index.ts';
import { type Kind, type MeshObject, type ObjectRef, refOf } from '../../../mesh/index.ts';
import { configurationAcceptedCondition } from '../cluster-context.ts';
import { resolveAncestors } from './backend-tls-policy-status.ts';
import { resolveBindingStatus, resolveEntryStatus, resolveWorkloadStatus } from './binding-status.ts';
import { resolveTrafficStatus } from './finding-status.ts';
import { resolveClassStatus, resolveGatewayStatus } from './gateway-status.ts';
import { resolveListenerSetStatus } from './listener-set-status.ts';
import { resolvePolicyStatus } from './policy-status.ts';
import { isSuperseded, resolveRejected } from './rejected-status.ts';
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

function kindOf(
  resource: ApiResource,
  manager: string,
  conditionTypes: readonly string[],
  mergesConditions = false,
): StatusKind {
  return { resource, manager, conditionTypes, mergesConditions };
}

const policyTypes = [waypointAccepted, accepted];

/** The kinds of the mesh whose status is written. */
export type StatusKindName = Extract<
  Kind,
  | 'AuthorizationPolicy'
  | 'BackendTLSPolicy'
  | 'DestinationRule'
  | 'Gateway'
  | 'GatewayClass'
  | 'GRPCRoute'
  | 'HTTPRoute'
  | 'RequestAuthentication'
  | 'Service'
  | 'ServiceEntry'
  | 'TCPRoute'
  | 'TLSRoute'
  | 'VirtualService'
  | 'WorkloadEntry'
>;

/** Every kind of the mesh whose status is written, by name. */
const statusKinds: Readonly<Record<StatusKindName, StatusKind>> = {
  AuthorizationPolicy: kindOf(resources.authorizationPolicies, 'policy', policyTypes),
  BackendTLSPolicy: kindOf(resources.backendTLSPolicies, 'policy', []),
  DestinationRule: kindOf(resources.destinationRules, 'traffic', [accepted]),
  Gateway: kindOf(
    resources.gateways,
    'gateway',
    ['Accepted', 'Programmed', configurationAcceptedCondition, deployed],
    true,
  ),
  GatewayClass: kindOf(resources.gatewayClasses, 'gatewayclass', ['Accepted'], true),
  GRPCRoute: kindOf(resources.grpcRoutes, 'route', []),
  HTTPRoute: kindOf(resources.httpRoutes, 'route', []),
  RequestAuthentication: kindOf(resources.requestAuthentications, 'policy', policyTypes),
  Service: kindOf(resources.services, 'service', [waypointBound], true),
  ServiceEntry: kindOf(resources.serviceEntries, 'service', [waypointBound, waypointMissing]),
  TCPRoute: kindOf(resources.tcpRoutes, 'route', []),
  TLSRoute: kindOf(resources.tlsRoutes, 'route', []),
  VirtualService: kindOf(resources.virtualServices, 'traffic', [accepted]),
  WorkloadEntry: kindOf(resources.workloadEntries, 'service', [waypointBound]),
};

/** A kind without meaning to the mesh, which gets a status all the same. */
export const listenerSetKind = 'ListenerSet';

/** The kinds of the mesh whose status is written. */
export const statusKindNames: readonly StatusKindName[] = Object.keys(statusKinds) as readonly StatusKindName[];

/** How the status of a kind is written; undefined for kinds without one of ours. */
export function findStatusKind(kind: string): StatusKind | undefined {
  return kindsByName.get(kind);
}

const kindsByName = new Map<string, StatusKind>([
  ...Object.entries(statusKinds),
  [listenerSetKind, kindOf(resources.listenerSets, 'gateway', ['Accepted', 'Programmed'], true)],
]);

/** The status of an object; undefined when the object is gone, or not ours to report on. */
export function resolveStatus(view: StatusView, { kind, namespace, name }: ObjectRef): WantedStatus | undefined {
  const { mesh } = view;
  const get = <K extends Kind>(known: K): MeshObject<K> | undefined => mesh.get(known, namespace, name);
  const answer = <T>(
    object: T | undefined,
    resolve: (object: T) => WantedStatus | undefined,
  ): WantedStatus | undefined =>
    object === undefined ? resolveRejected(view, { kind, namespace, name }) : resolve(object);
  const resolveRoute = (route: Route): WantedStatus | undefined =>
    isSuperseded(view, route) ? resolveRejected(view, refOf(route)) : resolveRouteParents(view, route);
  switch (kind) {
    case 'Gateway':
      return answer(get(kind), (gateway) =>
        isWaypoint(mesh, gateway) ? resolveGatewayStatus(view, gateway) : undefined,
      );
    case 'GatewayClass':
      return answer(get(kind), (declared) =>
        declared.spec.controllerName === view.settings.controllerName ? resolveClassStatus(declared) : undefined,
      );
    case 'Service':
      return answer(get(kind), (service) => resolveBindingStatus(view, service));
    case 'ServiceEntry':
      return answer(get(kind), (entry) => resolveEntryStatus(view, entry));
    case 'WorkloadEntry':
      return answer(get(kind), (entry) => resolveWorkloadStatus(view, entry));
    case 'AuthorizationPolicy':
      return answer(get(kind), (policy) => resolvePolicyStatus(view, policy));
    case 'BackendTLSPolicy':
      return answer(get(kind), (policy) => resolveAncestors(view, policy));
    case 'RequestAuthentication':
      return answer(get(kind), (policy) => resolvePolicyStatus(view, policy));
    case 'VirtualService':
      return answer(get(kind), (object) => resolveTrafficStatus(view, object));
    case 'DestinationRule':
      return answer(get(kind), (object) => resolveTrafficStatus(view, object));
    case 'GRPCRoute':
      return answer(get(kind), resolveRoute);
    case 'HTTPRoute':
      return answer(get(kind), resolveRoute);
    case 'TCPRoute':
      return answer(get(kind), resolveRoute);
    case 'TLSRoute':
      return answer(get(kind), resolveRoute);
    case listenerSetKind: {
      const object = view.object(kind, namespace, name);
      return object === undefined ? undefined : resolveListenerSetStatus(view, object);
    }
    default:
      return undefined;
  }
}
