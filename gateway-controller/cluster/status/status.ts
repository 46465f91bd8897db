// The wanted status of one object, as plain data: our part of it. Writing it is another file's
// work.

import type { RouteParentRef } from '../../../mesh/index.ts';
import type { Condition } from './condition.ts';

/** An address of a Gateway. */
export interface GatewayAddress {
  readonly type: 'Hostname' | 'IPAddress';
  readonly value: string;
}

/** An address that was allocated to a host. */
export interface HostAddress {
  readonly host: string;
  readonly value: string;
}

/** The part of a listener's status that is written. */
export interface ListenerStatus {
  readonly name: string;
  readonly attachedRoutes: number;
  readonly supportedKinds: readonly { readonly group: string; readonly kind: string }[];
  readonly conditions: readonly Condition[];
}

/** One entry of a route's parents. */
export interface ParentStatus {
  readonly parentRef: RouteParentRef;
  readonly controllerName: string;
  readonly conditions: readonly Condition[];
}

/** One entry of a policy's ancestors. */
export interface AncestorStatus {
  readonly ancestorRef: Readonly<Record<string, string>>;
  readonly controllerName: string;
  readonly conditions: readonly Condition[];
}

/**
 * The wanted status of an object. `conditions`: those of our types for this kind and no others; a
 * missing type is removed. `parents`: our entries of a route's parents. `ancestors`: those of a
 * policy's.
 */
export type WantedStatus =
  | {
      readonly kind: 'conditions';
      readonly conditions: readonly Condition[];
      /** The addresses that were allocated to a ServiceEntry's hosts; absent for other kinds. */
      readonly addresses?: readonly HostAddress[];
    }
  | {
      readonly kind: 'gateway';
      readonly conditions: readonly Condition[];
      readonly addresses: readonly GatewayAddress[];
      readonly listeners: readonly ListenerStatus[];
    }
  | { readonly kind: 'route'; readonly parents: readonly ParentStatus[] }
  | { readonly kind: 'policy'; readonly ancestors: readonly AncestorStatus[] };

/**
 * Condition on Services, ServiceEntries and WorkloadEntries: which waypoint they are bound to, or
 * why they are not.
 */
export const waypointBound = 'istio.io/WaypointBound';
/** Condition on ServiceEntries that nothing but a waypoint can serve, while none does. */
export const waypointMissing = 'istio.io/WaypointMissing';
/** Condition on policies: which waypoint enforces them, or why none does. */
export const waypointAccepted = 'WaypointAccepted';
/**
 * Condition on VirtualServices and DestinationRules, and on policies that are not in effect as
 * written.
 */
export const accepted = 'cairn.dev/Accepted';
/** Condition on Gateways: whether what they need could be deployed. */
export const deployed = 'cairn.dev/Deployed';
