// The resolved meaning of one waypoint: plain data that the Envoy renderer and any other reader
// (explain, test, diff) understand. It has neither Kubernetes nor Envoy types. Service ports are in
// `frontend.ts`.

import type { PathNormalization } from '../../mesh/index.ts';
import type { AccessLogging } from './access-log.ts';
import type { ServiceCluster, ServiceEndpoints } from './cluster.ts';
import type { AddressDispatch } from './connect.ts';
import type { DirectFrontend } from './direct.ts';
import type { Frontend, ServedAddress } from './frontend.ts';

/** The Gateway of a waypoint. */
export interface WaypointGateway {
  readonly namespace: string;
  readonly name: string;
  readonly className: string;
  /** The listen address of HBONE: an address, or 0.0.0.0 for all. */
  readonly listenAddress: string;
  /** The value of `istio.io/waypoint-for`. */
  readonly trafficType: 'service' | 'workload' | 'all' | 'none';
  /** Its annotation about paths. */
  readonly pathNormalization?: PathNormalization;
}

/** A cluster with its endpoints. */
export interface Backend {
  readonly cluster: ServiceCluster;
  readonly endpoints: ServiceEndpoints;
}

/** The Gateway's side of a waypoint: everything that no single service decides. */
export interface ListenerModel {
  readonly gateway: WaypointGateway;
  /** Our own first, then its aliases. */
  readonly trustDomains: readonly string[];
  readonly accessLog: AccessLogging;
  /**
   * The dispatch of addresses that are not one service's alone, in so far as it has any: ranges,
   * workloads, and with ranges everything that may be within them.
   */
  readonly shared: readonly AddressDispatch[];
  readonly direct?: DirectFrontend;
}

/**
 * The handling of any connection or request by one waypoint. A client opens a tunnel, which goes
 * where `dispatch` leads, by the address and port that the client dialled: to a frontend, by its
 * protocol to its `http` or `tcp`, or to workloads. The clusters that its routes name are in
 * `backends`.
 */
export interface WaypointModel {
  readonly listeners: ListenerModel;
  /** Sorted by host, then port. */
  readonly served: readonly ServedAddress[];
  /**
   * No address is in two of them. The entry with the longest prefix that holds an address counts
   * alone; others are closed.
   */
  readonly dispatch: readonly AddressDispatch[];
  /** Those of `served`, found by host and port. */
  readonly frontends: readonly Frontend[];
  /**
   * Every cluster of the served ports, then those of others that routes and authorizers name. One
   * that is not here has no endpoint.
   */
  readonly backends: readonly Backend[];
}
