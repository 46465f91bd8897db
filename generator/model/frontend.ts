// The meaning of one service port that a waypoint serves: the unit of resolving and rendering.

import type { Authentication } from './authentication.ts';
import type { Authorization } from './authorization.ts';
import type { HttpRoute } from './http-route.ts';
import type { PathHandling } from './judgement.ts';
import type { TcpMatch, TcpRoute } from './tcp-route.ts';

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
  /** Policies have no say in it: they arrive by another resource. */
  readonly paths: PathHandling;
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
  /** In order of precedence: the first whose match holds. The last one takes every request. */
  readonly routes: readonly HttpRoute[];
  /**
   * The routes are for requests whose Host is under the wildcard `*.<domain>`, whatever its case, and without its port, which is cut
   * off where the port has a `forwardPort`; all others have these routes. The same policies judge both.
   */
  readonly onlyHosts?: { readonly wildcard: string; readonly otherRoutes: readonly HttpRoute[] };
  readonly authentication: Authentication;
  readonly authorization: Authorization;
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

/** A frontend's address together with its service's names. */
export interface ServedAddress {
  readonly address: FrontendAddress;
  /** The conditions of the port's conditional TCP routes, in order: each has a filter chain of its own. */
  readonly tcpConditions: readonly (readonly TcpMatch[])[];
  readonly service: { readonly namespace: string; readonly name: string };
}

/** Ports that every service declares as TCP, sorted: they need no sniffing, so that their servers may speak first. */
export function declaredTcpPorts(served: readonly Pick<ServedAddress, 'address'>[]): readonly number[] {
  const others = new Set(served.filter(({ address }) => address.protocol !== 'tcp').map(({ address }) => address.port));
  const ports = served.map(({ address }) => address.port).filter((port) => !others.has(port));
  return [...new Set(ports)].sort((a, b) => a - b);
}

/** Whether a TCP port has a verdict of its own on the CONNECT. */
export function isDecidedAtConnect({ decidedAt, addresses, authorization }: TcpFrontend): boolean {
  return (
    decidedAt === 'connect' &&
    addresses.length > 0 &&
    (authorization.allow !== undefined || authorization.deny.length > 0)
  );
}
