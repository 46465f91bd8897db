// One HTTP route: a match and the handling of the requests that it matches. The order is
// precedence: the first match wins.

import type { ObjectRef } from '../../mesh/index.ts';
import type { ClusterKey } from './cluster.ts';
import type { ClientNamespace, HeaderValue, MetadataCondition, StringMatcher } from './condition.ts';

/**
 * How the path (without query) is compared. `pathPrefix` respects segment borders: `/a` matches
 * `/a` and `/a/b`, not `/ab`.
 */
export type PathMatcher =
  Extract<StringMatcher, { exact: string } | { prefix: string } | { regex: string }> | { readonly pathPrefix: string };

/** A condition on a request header. */
export interface HeaderMatch {
  /** Lower case; pseudo headers as `:method`. */
  readonly name: string;
  /**
   * `present`: the header exists, even if it is empty. Each line of a header that is sent several
   * times is compared on its own, and one match is enough. An absent header never matches.
   */
  readonly value: StringMatcher | 'present';
  /** The match holds exactly where the condition does not. */
  readonly invert?: boolean;
  /** A header that is absent is compared as an empty one. */
  readonly absentIsEmpty?: boolean;
}

/**
 * A condition on a query parameter, the first one of that name. Name and value are compared as they
 * were sent, escapes and all. An absent parameter never matches; one without `=` is empty.
 */
export interface QueryMatch {
  readonly name: string;
  readonly value: StringMatcher | 'present';
}

/** A condition on a claim of the request's token. */
export interface ClaimMatch {
  readonly condition: MetadataCondition & { readonly metadata: 'claims' };
  /**
   * The match holds exactly where the condition does not, so also for a claim that is absent and a
   * request without a token.
   */
  readonly invert?: boolean;
}

/**
 * The requests that a route takes: those for which all conditions hold. A match without conditions
 * takes every request.
 */
export interface HttpMatch {
  readonly path?: PathMatcher;
  /** Compare the path without regard to case; regular expressions stay as they are. */
  readonly ignorePathCase?: boolean;
  readonly headers: readonly HeaderMatch[];
  readonly query: readonly QueryMatch[];
  readonly claims?: readonly ClaimMatch[];
  readonly sourceNamespace?: ClientNamespace;
}

/**
 * Edits of the headers of a request or an answer, names in lower case. First those to `remove` go,
 * with all of their lines; then each to `set` takes the place of all lines of its name; then each
 * to `add` becomes one more line.
 */
export interface HeaderEdits {
  readonly set: readonly (readonly [name: string, value: HeaderValue])[];
  readonly add: readonly (readonly [name: string, value: HeaderValue])[];
  readonly remove: readonly string[];
}

/** A fraction of requests, in millionths. */
export type PerMillion = number;

/**
 * Injected faults: first some requests wait, then some are answered. Each share is drawn on its
 * own.
 */
export interface Fault {
  readonly delay?: { readonly milliseconds: number; readonly perMillion: PerMillion };
  readonly abort?: {
    readonly status: { readonly http: number } | { readonly grpc: number };
    readonly perMillion: PerMillion;
  };
}

/**
 * The pages of other origins that may read answers. A preflight is an `OPTIONS` with `origin` and
 * `access-control-request-method`: that of an allowed origin is answered with 200 and the
 * permissions, without asking the application. Answers to other requests of such an origin state
 * the permission. Requests of any other origin go on unchanged.
 */
export interface Cors {
  readonly allowOrigins: readonly StringMatcher[];
  readonly allowMethods: readonly string[];
  readonly allowHeaders: readonly string[];
  readonly exposeHeaders: readonly string[];
  readonly maxAgeSeconds?: number;
  readonly allowCredentials?: boolean;
  /**
   * Whether a preflight of any other origin goes on too; otherwise it is answered with 200 and no
   * permission.
   */
  readonly forwardUnmatchedPreflights: boolean;
}

/** Retries of requests that fail in these ways. */
export interface Retry {
  /** The maximum, after the first attempt. */
  readonly attempts: number;
  /** Envoy's retry_on tokens. */
  readonly on: readonly string[];
  readonly statusCodes: readonly number[];
  readonly perTryTimeoutMilliseconds?: number;
  readonly backoffMilliseconds?: number;
  /** Look for an endpoint that has not been tried. */
  readonly avoidPreviousHosts: boolean;
  /** Look for endpoints of another priority, which are in another locality. */
  readonly otherLocalities: boolean;
}

/** A share of a route's requests: its weight in the sum of all weights. */
export interface WeightedDestination {
  /** Absent: the destination is invalid, and its share is answered with `invalidStatus`. */
  readonly cluster?: ClusterKey;
  /** Above 0. */
  readonly weight: number;
  /** Before those of the route. */
  readonly requestHeaders?: HeaderEdits;
  /** Before those of the route. */
  readonly responseHeaders?: HeaderEdits;
  /** The Host that this destination sees, whatever the client wrote; absent: the client's. */
  readonly authority?: string;
}

/**
 * A replacement of the path as the route matched it, its query left as it is. `full`: the whole
 * path. `matched`: the part that the match compared, which is a prefix where the match asks for
 * one, "/" where it asks for no path, and else the whole path. `stripped`: the text that the path
 * begins with, and all slashes behind it, become one slash.
 */
export type PathReplacement = { readonly full: string } | { readonly matched: string } | { readonly stripped: string };

/**
 * `regex` (RE2): every part of the path that it finds becomes `substitution`, in which `\1` is its
 * first group and `\0` all.
 */
export type PathRewrite = PathReplacement | { readonly regex: string; readonly substitution: string };

/**
 * Copies a share of the requests to this destination, as it would be sent there, and discards the
 * answers.
 */
export interface Mirror {
  readonly cluster: ClusterKey;
  readonly perMillion: PerMillion;
}

export interface ForwardAction {
  /** At least one. */
  readonly destinations: readonly WeightedDestination[];
  /**
   * Status for the share of invalid destinations: 503 for VirtualService and GRPCRoute, 500 for
   * HTTPRoute.
   */
  readonly invalidStatus: 500 | 503;
  /**
   * The path that the destination sees; absent: as the route matched it, which is after
   * normalization.
   */
  readonly path?: PathRewrite;
  /** Whole request, answered with 504 then; 0 means none. */
  readonly timeoutMilliseconds: number;
  readonly retry?: Retry;
  readonly mirrors: readonly Mirror[];
}

/** An answer whose Location is the request's own URL but for the parts that are given. */
export interface RedirectAction {
  readonly status: 301 | 302 | 303 | 307 | 308;
  /** The query stays, unless `full` has one of its own. */
  readonly path?: PathReplacement;
  /** Absent: the request's Host. */
  readonly authority?: string;
  /** Absent: that of the request, which is `http` within a tunnel. */
  readonly scheme?: string;
  /** Absent: that of the Host, unless it is the default one of a scheme that is replaced. */
  readonly port?: number;
}

/** An answer that the waypoint gives itself. */
export interface DirectResponseAction {
  readonly status: number;
  /** Base64 for bytes that are not text. */
  readonly body?: { readonly text: string } | { readonly base64: string };
}

export type RouteAction =
  | ({ readonly kind: 'forward' } & ForwardAction)
  | ({ readonly kind: 'redirect' } & RedirectAction)
  | ({ readonly kind: 'respond' } & DirectResponseAction);

/**
 * Keeps the requests of one client at one endpoint of a cluster: the cookie or header, of requests
 * and of answers, that holds the endpoint. An endpoint that is gone or unhealthy, or none of the
 * cluster, is replaced by another.
 */
export type Session =
  | {
      readonly kind: 'cookie';
      readonly name: string;
      readonly path: string;
      /** Absent: until the client forgets it. */
      readonly lifetimeMilliseconds?: number;
    }
  | { readonly kind: 'header'; readonly name: string };

/** One route of a frontend. The steps of its judgement are in `judgement.ts`. */
export interface HttpRoute {
  /** Shown in access logs. */
  readonly name: string;
  /**
   * The object that the route was written in; absent for the route that a service has by default.
   */
  readonly origin?: ObjectRef;
  readonly match: HttpMatch;
  /** No policy judges the request, and no external authorizer is asked; tokens are verified. */
  readonly isUnjudged?: boolean;
  readonly action: RouteAction;
  readonly fault?: Fault;
  readonly cors?: Cors;
  readonly session?: Session;
  readonly requestHeaders?: HeaderEdits;
  readonly responseHeaders?: HeaderEdits;
}
