// Connections to workloads themselves, at addresses that belong to no service.

import type { Authentication } from './authentication.ts';
import type { Authorization } from './authorization.ts';
import type { HttpRoute, Retry } from './http-route.ts';
import type { PathHandling } from './judgement.ts';

/**
 * The request goes on to the very address that the client dialled, through a tunnel, in the
 * protocol that the client speaks.
 */
export interface DialledAction {
  readonly kind: 'dialled';
  /** Whole request; 0 means none. */
  readonly timeoutMilliseconds: number;
  readonly retry?: Retry;
}

/** A route of requests to workloads. */
export type DirectRoute = HttpRoute | (Pick<HttpRoute, 'name' | 'match'> & { readonly action: DialledAction });

/**
 * The workloads that a waypoint serves: every port of theirs, as HTTP if the client's first bytes
 * are that, else as TCP. Either goes on to the very address that the client dialled.
 */
export interface DirectFrontend {
  /** Addresses of the workloads, sorted; IPv4 or IPv6 text. */
  readonly addresses: readonly string[];
  readonly http: Authorization;
  readonly authentication: Authentication;
  readonly paths: PathHandling;
  /** In order of precedence: the first whose match holds. The last one takes every request. */
  readonly routes: readonly DirectRoute[];
  /** For everything that is not HTTP, as on a service port whose protocol is `auto`. */
  readonly tcp: Authorization;
  /**
   * Ports that every service of the waypoint declares as TCP, in ascending order, with their
   * policies. They are not sniffed, since their servers may speak first: a denied client gets 403.
   */
  readonly tcpPorts: readonly { readonly port: number; readonly authorization: Authorization }[];
}
