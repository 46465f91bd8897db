// The resolved meaning of one waypoint: plain data that the Envoy renderer and any other reader
// (explain, test, diff) understand. It has neither Kubernetes nor Envoy types. Service ports are in
// `frontend.ts`.

import type { PathNormalization } from '../../mesh/index.ts';
import type { ServiceCluster, ServiceEndpoints } from './cluster.ts';
import type { DirectFrontend } from './direct.ts';
import type { ServedAddress } from './frontend.ts';

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

/** The lines of an access log: our own keys, a text with operators, or keys with operators. */
export type LogFormat = 'own' | { readonly text: string } | { readonly json: Readonly<Record<string, string>> };

/** The access log of a waypoint. */
export type AccessLogging = 'none' | { readonly target: 'stdout' | 'stderr'; readonly format: LogFormat };

/**
 * The listeners of a waypoint; they change when services are added, removed or change ports, never
 * with policy.
 */
export interface ListenerModel {
  readonly gateway: WaypointGateway;
  /** Our own first, then its aliases. */
  readonly trustDomains: readonly string[];
  readonly accessLog: AccessLogging;
  /** Sorted by host, then port. */
  readonly served: readonly ServedAddress[];
  /**
   * No address is in two of them. The entry with the longest prefix that holds an address counts
   * alone; others are closed.
   */
  readonly dispatch: readonly AddressDispatch[];
  /**
   * Where first bytes are sniffed: on every port but these, which need none, so that their servers
   * may speak first. Absent: nowhere.
   */
  readonly sniffing?: { readonly exceptPorts: readonly number[] };
  readonly direct?: DirectFrontend;
}

/** The destinations of connections inside tunnels, by the address that the client dialled. */
export interface AddressDispatch {
  /** IPv4 or IPv6 text, or ranges of them. */
  readonly addresses: readonly string[];
  /**
   * `closed`: no connection may go there. `workloads`: see `DirectFrontend`. Else by port, and any
   * other port is closed.
   */
  readonly to: 'closed' | 'workloads' | { readonly ports: readonly ServedAddress[] };
}
