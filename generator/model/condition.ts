// Comparisons that policies, routes and edits share.

/**
 * A comparison of texts. It is sensitive to case by default. Regular expressions are RE2, and match
 * the whole text. Texts are bytes: UTF-8 in configuration, and any bytes that the client sent in
 * requests.
 */
export type StringMatcher =
  | { readonly exact: string }
  | { readonly prefix: string }
  | { readonly suffix: string }
  | { readonly contains: string }
  | { readonly regex: string };

/** An address block: `address` is IPv4 or IPv6 text, `prefix` its length in bits. */
export interface AddressBlock {
  readonly address: string;
  readonly prefix: number;
}

/**
 * The value of a header: its parts, one after the other. A part that is text stands as it is. A
 * command is an operator of Envoy's access logs without its percent signs, such as `REQ(x-user)`:
 * its value for the request, or nothing if it has none. A value with commands that comes out empty
 * edits nothing; one without parts is the empty value.
 */
export type HeaderValue = readonly (string | { readonly command: string })[];

/**
 * Clients of one namespace: their identity begins with `spiffe://<one of trustDomains>/ns/<name>/`.
 */
export interface ClientNamespace {
  readonly name: string;
  /** Those of the mesh: its own first, then its aliases. */
  readonly trustDomains: readonly string[];
}

/** A comparison of a text, number or truth value. A text never equals a number. */
export type ScalarMatch =
  { readonly text: StringMatcher } | { readonly number: number } | { readonly boolean: boolean };

/**
 * The value itself matches, or it is a list with one matching element; `present`: it is anything at
 * all, even empty.
 */
export type MetadataMatch = ScalarMatch | { readonly element: ScalarMatch } | 'present';

/**
 * A condition on a claim of the request's token, or on the metadata of another filter about it. The
 * names lead from the outside in, each to a member of an object. It holds when the value there
 * matches one of `anyOf`. It never holds for an absent value, and a request without a valid token
 * has no claims. Clients cannot write metadata.
 */
export interface MetadataCondition {
  /** `claims`, or the name of an Envoy filter. */
  readonly metadata: string;
  readonly keys: readonly string[];
  readonly anyOf: readonly MetadataMatch[];
}
