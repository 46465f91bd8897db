// The meaning of one service port that a waypoint serves: the unit of resolving and rendering.

import type { Authentication } from './authentication.ts';
import type { Authorization } from './authorization.ts';
import type { HttpRoute } from './http-route.ts';
import type { PathHandling } from './judgement.ts';
import type { TcpRoute } from './tcp-route.ts';

/** A service port as clients see it. */
export interface FrontendAddress {
  /** Fully qualified host name of the service. */
  readonly host: string;
  readonly port: number;
  readonly protocol: FrontendProtocol;
  /** Virtual addresses of the service, sorted; IPv4 or IPv6 text, or ranges of them. */
  readonly addresses: readonly string[];
  /**
   * The port of every destination if each request names its own, under the wildcard that `host` is.
   */
  readonly forwardPort?: number;
  readonly paths: PathHandling;
}

/**
 * The protocol of a port. `tcp` is TCP; `auto` is HTTP if the client's first bytes are a line or
 * preface of HTTP/1 or HTTP/2, else TCP; the others are HTTP, whatever the client sends. `http2` is
 * HTTP whose upstream speaks HTTP/2 (also gRPC); `grpc-web` is the same, for clients that also
 * speak the browsers' form of gRPC.
 */
export type FrontendProtocol = 'http' | 'http2' | 'grpc-web' | 'tcp' | 'auto';

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

/**
 * The TCP meaning of one service port. Its policies are asked on the CONNECT, before any connection
 * to the destination exists: a denied client of a port that is declared as TCP gets 403, and no
 * byte of a server that speaks first. On a port whose protocol is `auto`, the verdict closes the
 * connection inside the tunnel if that turns out not to be HTTP.
 */
export interface TcpFrontend {
  readonly host: string;
  readonly port: number;
  /**
   * In order of precedence: the first of which a match holds. The last one takes every connection.
   */
  readonly routes: readonly TcpRoute[];
  /** Denials have precedence; its `custom` and `observed` have no place on a TCP port. */
  readonly authorization: Authorization;
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
  /**
   * Its addresses are those that lead to this service at the waypoint; the others that it claims
   * are not served, or are another's.
   */
  readonly address: FrontendAddress;
  readonly service: { readonly namespace: string; readonly name: string };
}
