// The resolved meaning of one waypoint: plain data that the Envoy renderer and any other reader (explain, test, diff) understand.
// It knows neither Kubernetes nor Envoy types. The unit of work is a frontend: one service port that the waypoint serves.

import type { Authorization } from './authorization.ts';
import type { ClusterKey, ServiceCluster } from './cluster.ts';
import type { HttpRoute } from './http-route.ts';

/** The Gateway that a waypoint is. */
export interface WaypointGateway {
  readonly namespace: string;
  readonly name: string;
  readonly className: string;
  /** What `istio.io/waypoint-for` says. */
  readonly trafficType: 'service' | 'workload' | 'all' | 'none';
}

/** A service port as the waypoint's listener sees it: what `main_internal` dispatches on. */
export interface FrontendAddress {
  /** Fully qualified host name of the service. */
  readonly host: string;
  readonly port: number;
  readonly protocol: FrontendProtocol;
  /** Virtual addresses of the service, sorted; IPv4 or IPv6 text. */
  readonly addresses: readonly string[];
}

/** How a port is served. `http2` is HTTP whose upstream is spoken to in HTTP/2 (also gRPC); `auto` sniffs between HTTP and TCP. */
export type FrontendProtocol = 'http' | 'http2' | 'tcp' | 'auto';

/** The HTTP meaning of one service port: who may ask what, and where it goes. */
export interface HttpFrontend {
  readonly host: string;
  readonly port: number;
  readonly routes: readonly HttpRoute[];
  readonly authorization: Authorization;
  /** Answer 400 to paths that contain `;`, since policies or routes read the path and applications may not. */
  readonly rejectPathParameters: boolean;
}

/** The TCP meaning of one service port: decided at the CONNECT, before any upstream connection exists. */
export interface TcpFrontend {
  readonly host: string;
  readonly port: number;
  readonly addresses: readonly string[];
  readonly authorization: Authorization;
  readonly destinations: readonly { readonly cluster: ClusterKey; readonly weight: number }[];
}

/** Everything that one waypoint is configured with. Maps are keyed as their files say and iterate in sorted order. */
export interface WaypointModel {
  readonly gateway: WaypointGateway;
  readonly trustDomain: string;
  readonly escapedSlashes: 'reject' | 'decode';
  readonly listeners: readonly FrontendAddress[];
  /** By `<host>:<port>`. */
  readonly http: ReadonlyMap<string, HttpFrontend>;
  /** By `<host>:<port>`. */
  readonly tcp: ReadonlyMap<string, TcpFrontend>;
  /** By cluster name. */
  readonly clusters: ReadonlyMap<string, ServiceCluster>;
}
