// What a waypoint does with connections to workloads themselves, whose addresses no service stands for.

import type { Authentication } from './authentication.ts';
import type { Authorization } from './authorization.ts';
import type { Retry } from './http-route.ts';
import type { TcpFrontend } from './frontend.ts';

/** The workloads that a waypoint serves; every port of theirs, as HTTP where that is what the client speaks. */
export interface DirectFrontend {
  /** Addresses of the workloads, sorted; IPv4 or IPv6 text. */
  readonly addresses: readonly string[];
  readonly http: Authorization;
  readonly authentication: Authentication;
  readonly retry?: Retry;
  /** For what is not HTTP; decided in the chain. */
  readonly tcp: Authorization;
  /** Answer 400 to paths that applications read in several ways, since policies read the path. */
  readonly refusesAmbiguousPaths: boolean;
  /** Ports that are known to be TCP: decided on the CONNECT, since their servers may speak first. */
  readonly connect: readonly TcpFrontend[];
}
