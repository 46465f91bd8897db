// What a waypoint does with connections to workloads themselves, whose addresses no service stands for.

import type { Authentication } from './authentication.ts';
import type { Authorization } from './authorization.ts';
import type { HttpRoute, Retry } from './http-route.ts';
import type { PathHandling } from './judgement.ts';
import type { TcpFrontend } from './frontend.ts';

/** The request goes on to the very address that the client dialled, through a tunnel, in the protocol that the client speaks. */
export interface DialledAction {
  readonly kind: 'dialled';
  /** Whole request; 0 means none. */
  readonly timeoutMilliseconds: number;
  readonly retry?: Retry;
}

/** A route of requests to workloads. */
export type DirectRoute = HttpRoute | (Pick<HttpRoute, 'name' | 'match'> & { readonly action: DialledAction });

/** The workloads that a waypoint serves; every port of theirs, as HTTP where that is what the client speaks. */
export interface DirectFrontend {
  /** Addresses of the workloads, sorted; IPv4 or IPv6 text. */
  readonly addresses: readonly string[];
  readonly http: Authorization;
  readonly authentication: Authentication;
  readonly paths: PathHandling;
  /** In order of precedence: the first whose match holds. The last one takes every request. */
  readonly routes: readonly DirectRoute[];
  /** For what is not HTTP; decided in the chain. */
  readonly tcp: Authorization;
  /** Ports that are known to be TCP: decided on the CONNECT, since their servers may speak first. */
  readonly connect: readonly TcpFrontend[];
}
