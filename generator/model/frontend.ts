// The meaning of one service port that a waypoint serves: the unit of resolving and rendering.

import type { AccessLogging } from './access-log.ts';
import type { Authentication } from './authentication.ts';
import { type Authorization, isRestricted } from './authorization.ts';
import type { HttpRoute } from './http-route.ts';
import type { PathHandling } from './judgement.ts';
import type { TcpMatch, TcpRoute } from './tcp-route.ts';

/**
 * A service port as the waypoint's listener sees it: the keys by which `main_internal` dispatches.
 */
export interface FrontendAddress {
  /** Fully qualified host name of the service. */
  readonly host: string;
  readonly port: number;
  readonly protocol: FrontendProtocol;
  /** Of TCP connections; absent if there are none. */
  readonly tcpVerdict?: TcpVerdict;
  /** Virtual addresses of the service, sorted; IPv4 or IPv6 text, or ranges of them. */
  readonly addresses: readonly string[];
  /**
   * The port of every destination if each request names its own, under the wildcard that `host` is.
   */
  readonly forwardPort?: number;
  /** Policies do not change it: they arrive by another resource. */
  readonly paths: PathHandling;
}

/**
 * The protocol of a port. `tcp` is TCP; `auto` is HTTP if the client's first bytes are a line or
 * preface of HTTP/1 or HTTP/2, else TCP; the others are HTTP, whatever the client sends. `http2` is
 * HTTP whose upstream speaks HTTP/2 (also gRPC); `grpc-web` is the same, for clients that also
 * speak the browsers' form of gRPC.
 */
export type FrontendProtocol = 'http' | 'http2' | 'grpc-web' | 'tcp' | 'auto';

/**
 * Where the TCP policies of a port are decided. `connect`: on the CONNECT, before any upstream
 * connection exists, so that a denied client of a server that speaks first gets no byte. `chain`:
 * on the connection inside the tunnel, for ports where sniffing has to come first, and for ranges
 * of addresses, which no list of CONNECT authorities can name.
 */
export type TcpVerdict = 'connect' | 'chain';

/** The HTTP meaning of one service port: authorization and routes. */
export interface HttpFrontend {
  readonly host: string;
  readonly port: number;
  /** In order of precedence: the first whose match holds. The last one takes every request. */
  readonly routes: readonly HttpRoute[];
  /**
   * The routes are for requests whose Host is under the wildcard `*.<domain>`, whatever its case,
   * and without its port, which is cut off if the port has a `forwardPort`; all others have these
   * routes. The same policies judge both.
   */
  readonly onlyHosts?: { readonly wildcard: string; readonly otherRoutes: readonly HttpRoute[] };
  readonly authentication: Authentication;
  readonly authorization: Authorization;
}

/** The TCP meaning of one service port. */
export interface TcpFrontend {
  readonly host: string;
  readonly port: number;
  /**
   * In order of precedence: the first of which a match holds. The last one takes every connection.
   */
  readonly routes: readonly TcpRoute[];
  /** Denials have precedence; its `custom` and `observed` have no place on a TCP port. */
  readonly authorization: Authorization;
  readonly decidedAt: TcpVerdict;
  /**
   * The moment at which the connection to the destination is opened. Policies on the connection are
   * asked with the client's first bytes, and before that no connection may be opened that could
   * answer a denied client.
   */
  readonly opens: 'at-once' | 'on-first-bytes';
}

/** One served port with everything that belongs to it: the unit of resolving and rendering. */
export interface Frontend {
  readonly address: FrontendAddress;
  readonly service: { readonly namespace: string; readonly name: string };
  readonly accessLog: AccessLogging;
  readonly http?: HttpFrontend;
  readonly tcp?: TcpFrontend;
}

/** A frontend's address together with its service's names. */
export interface ServedAddress {
  /**
   * Its addresses are those that lead to this service at the waypoint; the others that it claims
   * are not served, or are another's.
   */
  readonly address: FrontendAddress;
  /**
   * The conditions of the port's conditional TCP routes, in order: each has a filter chain of its
   * own.
   */
  readonly tcpConditions: readonly (readonly TcpMatch[])[];
  readonly service: { readonly namespace: string; readonly name: string };
}

/** Whether a TCP port has a verdict of its own on the CONNECT. */
export function isDecidedAtConnect({
  decidedAt,
  authorization,
}: Pick<TcpFrontend, 'decidedAt' | 'authorization'>): boolean {
  return decidedAt === 'connect' && isRestricted(authorization);
}
