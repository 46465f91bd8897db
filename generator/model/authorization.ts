// The authorization of one frontend as a tree of predicates, the same for HTTP and for the CONNECT
// of a TCP port.

import type { ClusterKey } from './cluster.ts';
import type { AddressBlock, HeaderValue, MetadataCondition, StringMatcher } from './condition.ts';

/**
 * Conditions combined. Empty `all` holds always, empty `any` never; `not` holds exactly where its
 * part does not.
 */
export type Combined<Condition> =
  | Condition
  | { readonly all: readonly Combined<Condition>[] }
  | { readonly any: readonly Combined<Condition>[] }
  | { readonly not: Combined<Condition> };

/** One condition on the client of a request or connection. */
export type ClientCondition =
  /** The client's SPIFFE identity with `spiffe://`, as its certificate proved it. */
  | { readonly identity: StringMatcher }
  /** The client's own address as the tunnel saw it. No header changes it. */
  | { readonly sourceAddress: AddressBlock }
  | MetadataCondition;

/** One condition on the operation. */
export type OperationCondition =
  /** The port that the client dialled. */
  | { readonly destinationPort: number }
  /**
   * The path of the request without its query and fragment, after the frontend has normalized it.
   */
  | { readonly path: StringMatcher }
  | HeaderCondition;

/**
 * A request header by lower-case name, with `:authority`, `:method` and `:path` (the path with its
 * query) among them. `present`: it exists, even if it is empty. Each line of a header that is sent
 * several times is compared on its own, and one match is enough. An absent header never matches.
 * `ignoreCase` has no effect on regular expressions.
 */
export interface HeaderCondition {
  readonly header: string;
  readonly value: StringMatcher | 'present';
  readonly ignoreCase?: boolean;
}

/** The client of a request. */
export type ClientPredicate = Combined<ClientCondition>;

/** The operation of a request. */
export type OperationPredicate = Combined<OperationCondition>;

/** One rule of one policy. It matches when both predicates hold. */
export interface AuthorizationRule {
  /** `ns[<ns>]-policy[<name>]-rule[<i>]`: the name in access logs and metrics. */
  readonly key: string;
  readonly operation: OperationPredicate;
  readonly source: ClientPredicate;
}

/** The statuses of failures, of those that Envoy has a name for. */
export const errorStatuses = [
  400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 412, 413, 417, 421, 422, 423, 424, 426, 428, 429, 500, 501,
  502, 503, 504, 511,
] as const;

export type ErrorStatus = (typeof errorStatuses)[number];

/** The authorizer that is asked about requests, and how. */
export interface ExternalAuthorizer {
  /** MeshConfig's name of it. */
  readonly provider: string;
  readonly cluster: ClusterKey;
  /** Host header towards it. */
  readonly authority: string;
  readonly timeoutMilliseconds: number;
  /** Lets requests pass that it gives no answer to. */
  readonly failOpen: boolean;
  /** The answer to those requests if they do not pass; absent: 403. */
  readonly statusOnError?: ErrorStatus;
  /**
   * The route is chosen anew after it has allowed a request, by the headers that it may have
   * changed.
   */
  readonly clearRouteCache: boolean;
  readonly requestBody?: { readonly maxBytes: number; readonly allowPartial: boolean; readonly packAsBytes: boolean };
  /** Absent: it speaks gRPC, and is sent all headers. */
  readonly http?: {
    readonly pathPrefix: string;
    /** Header names; comparisons fold them to lower case. */
    readonly requestHeaders: readonly StringMatcher[];
    readonly addedHeaders: readonly (readonly [name: string, value: HeaderValue])[];
    readonly toUpstreamOnAllow: readonly StringMatcher[];
    readonly toClientOnDeny: readonly StringMatcher[];
    readonly toClientOnAllow: readonly StringMatcher[];
  };
}

/** The requests that an external authorizer decides. */
export interface CustomAuthorization {
  readonly rules: readonly AuthorizationRule[];
  readonly authorizer: ExternalAuthorizer;
}

/** Rules that are evaluated and logged, and decide nothing. */
export interface ObservedAuthorization {
  readonly audit: readonly AuthorizationRule[];
  readonly deny: readonly AuthorizationRule[];
  /** Absent: no ALLOW policy is tried. */
  readonly allow?: readonly AuthorizationRule[];
}

/**
 * Deny is evaluated before allow. If `allow` is absent, nothing restricts; if it is empty, nothing
 * is allowed.
 */
export interface Authorization {
  readonly deny: readonly AuthorizationRule[];
  readonly allow?: readonly AuthorizationRule[];
  /**
   * The ALLOW policies in force, as `<namespace>/<name>`, sorted: the log shows them when none
   * matched.
   */
  readonly allowPolicies: readonly string[];
  /** Asked before everything else. */
  readonly custom?: CustomAuthorization;
  readonly observed?: ObservedAuthorization;
  /** Some rule reads the path. */
  readonly readsPath: boolean;
}

/** The authorization of a frontend that no policy applies to. */
export const openAuthorization: Authorization = { deny: [], allowPolicies: [], readsPath: false };
