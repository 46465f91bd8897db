// The resolved meaning of one waypoint: plain data that the Envoy renderer and any other reader (explain, test, diff) understand.
// It knows neither Kubernetes nor Envoy types. The unit of work is a frontend: one service port that the waypoint serves.

import type { PathNormalization } from '../../mesh/index.ts';
import type { Authentication } from './authentication.ts';
import type { Authorization } from './authorization.ts';
import type { ServiceCluster, ServiceEndpoints } from './cluster.ts';
import type { DirectFrontend } from './direct.ts';
import type { HttpRoute } from './http-route.ts';
import type { TcpMatch, TcpRoute } from './tcp-route.ts';

/** The Gateway that a waypoint is. */
export interface WaypointGateway {
  readonly namespace: string;
  readonly name: string;
  readonly className: string;
  /** Where HBONE is accepted: an address, or 0.0.0.0 for every one. */
  readonly listenAddress: string;
  /** What `istio.io/waypoint-for` says. */
  readonly trafficType: 'service' | 'workload' | 'all' | 'none';
  /** What its annotation says of paths. */
  readonly pathNormalization?: PathNormalization;
}

/** A service port as the waypoint's listener sees it: what `main_internal` dispatches on. */
export interface FrontendAddress {
  /** Fully qualified host name of the service. */
  readonly host: string;
  readonly port: number;
  readonly protocol: FrontendProtocol;
  /** Virtual addresses of the service, sorted; IPv4 or IPv6 text, or ranges of them. */
  readonly addresses: readonly string[];
  /** The port of every destination where each request names its own, under the wildcard that `host` is. */
  readonly forwardPort?: number;
  /** How paths are normalized where somebody says so. Policies have no say in it: they arrive by another resource. */
  readonly pathNormalization?: PathNormalization;
}

/**
 * How a port is served. `http2` is HTTP whose upstream is spoken to in HTTP/2 (also gRPC); `grpc-web` is that, for clients that speak the
 * browsers' form of gRPC too; `auto` sniffs between HTTP and TCP.
 */
export type FrontendProtocol = 'http' | 'http2' | 'grpc-web' | 'tcp' | 'auto';

/**
 * Whether the TCP policies of a port are decided in its filter chain and not on the CONNECT: when sniffing has to come first, and for a
 * range of addresses, which no list of CONNECT authorities can name.
 */
export function isDecidedInChain({ protocol, addresses }: Pick<FrontendAddress, 'protocol' | 'addresses'>): boolean {
  return protocol === 'auto' || (protocol === 'tcp' && addresses.some((address) => address.includes('/')));
}

/** The HTTP meaning of one service port: who may ask what, and where it goes. */
export interface HttpFrontend {
  readonly host: string;
  readonly port: number;
  readonly routes: readonly HttpRoute[];
  readonly authentication: Authentication;
  /** Answer 404 to requests whose Host is not under this wildcard. */
  readonly onlyHosts?: string;
  readonly authorization: Authorization;
  /** Answer 400 to paths that applications read in several ways, since policies read the path. */
  readonly refusesAmbiguousPaths: boolean;
}

/** The TCP meaning of one service port. */
export interface TcpFrontend {
  readonly host: string;
  readonly port: number;
  readonly addresses: readonly string[];
  /** In order of precedence; the last one takes every connection. */
  readonly routes: readonly TcpRoute[];
  readonly authorization: Authorization;
  /**
   * Where the verdict falls. `connect`: on the CONNECT, before any upstream connection exists, so that a denied client of a server
   * that speaks first gets no byte. `chain`: in the filter chain, see `isDecidedInChain`.
   */
  readonly decidedAt: 'connect' | 'chain';
}

/** One served port with everything that belongs to it: the unit of resolving and rendering. */
export interface Frontend {
  readonly address: FrontendAddress;
  readonly service: { readonly namespace: string; readonly name: string };
  readonly http?: HttpFrontend;
  readonly tcp?: TcpFrontend;
}

/** A cluster with its endpoints. */
export interface Backend {
  readonly cluster: ServiceCluster;
  readonly endpoints: ServiceEndpoints;
}

/** A frontend's address together with its service's names. */
export interface ServedAddress {
  readonly address: FrontendAddress;
  /** The conditions of the port's conditional TCP routes, in order: each has a filter chain of its own. */
  readonly tcpConditions: readonly (readonly TcpMatch[])[];
  readonly service: { readonly namespace: string; readonly name: string };
}

/** What the lines of an access log look like: our own keys, a text with operators, or keys with operators. */
export type LogFormat = 'own' | { readonly text: string } | { readonly json: Readonly<Record<string, string>> };

/** The access log of a waypoint. */
export type AccessLogging = 'none' | { readonly target: 'stdout' | 'stderr'; readonly format: LogFormat };

/** What the listeners of a waypoint are made of; changes when services appear, disappear or change ports, never with policy. */
export interface ListenerModel {
  readonly gateway: WaypointGateway;
  /** Our own first, then its aliases. */
  readonly trustDomains: readonly string[];
  /** How paths of requests to workloads themselves are normalized, where somebody says so. */
  readonly pathNormalization?: PathNormalization;
  readonly accessLog: AccessLogging;
  /** Sorted by host, then port. */
  readonly served: readonly ServedAddress[];
  /** Ranges within those of `served` that nobody may be led to. */
  readonly closed: readonly string[];
  readonly direct?: DirectFrontend;
}

/** Ports that every service declares as TCP, sorted: they need no sniffing, so that their servers may speak first. */
export function declaredTcpPorts(served: readonly Pick<ServedAddress, 'address'>[]): readonly number[] {
  const others = new Set(served.filter(({ address }) => address.protocol !== 'tcp').map(({ address }) => address.port));
  const ports = served.map(({ address }) => address.port).filter((port) => !others.has(port));
  return [...new Set(ports)].sort((a, b) => a - b);
}
