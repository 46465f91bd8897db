// Who may ask what: authorization of one frontend as a tree of predicates, the same for HTTP and for the CONNECT of a TCP port.

import type { StringMatcher } from './http-route.ts';

/** An address block: `address` is IPv4 or IPv6 text, `prefix` its length in bits. */
export interface AddressBlock {
  readonly address: string;
  readonly prefix: number;
}

/** A condition on one request. Empty `all` holds always, empty `any` never. */
export type Predicate =
  | { readonly all: readonly Predicate[] }
  | { readonly any: readonly Predicate[] }
  | { readonly not: Predicate }
  /** The client's SPIFFE identity, with `spiffe://`. */
  | { readonly identity: StringMatcher }
  /** The client's own address as the tunnel saw it; no header moves it. */
  | { readonly sourceAddress: AddressBlock }
  /**
   * A request header by lower-case name (`:authority`, `:method` too). `present` when it exists at all. Each line of a header that is
   * sent several times is compared on its own, and one that matches is enough. `ignoreCase` has no effect on regular expressions.
   */
  | { readonly header: string; readonly value: StringMatcher | 'present'; readonly ignoreCase?: boolean }
  /** The port that the client dialled. */
  | { readonly destinationPort: number }
  /** The path without its query, normalized. */
  | { readonly path: StringMatcher };

/** One rule of one policy. It matches when both predicates hold. */
export interface AuthorizationRule {
  /** `ns[<ns>]-policy[<name>]-rule[<i>]`: named in access logs and metrics. */
  readonly key: string;
  readonly operation: Predicate;
  readonly source: Predicate;
}

/** Deny is evaluated before allow. Absent `allow` means that nothing restricts; an empty one that nothing is allowed. */
export interface Authorization {
  readonly deny: readonly AuthorizationRule[];
  readonly allow?: readonly AuthorizationRule[];
  /** The ALLOW policies in force, as `<namespace>/<name>`, sorted: what was tried when none matched. */
  readonly allowPolicies: readonly string[];
  /** Some rule reads the path. */
  readonly readsPath: boolean;
}

/** The authorization of a frontend that no policy applies to. */
export const openAuthorization: Authorization = { deny: [], allowPolicies: [], readsPath: false };
