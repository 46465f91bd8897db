// Comparisons that policies, routes and edits share.

/**
 * How a text is compared. Case counts unless somebody says otherwise. Regular expressions are RE2, and match the whole text. Texts
 * are bytes: UTF-8 where they are written, whatever the client sent where they are compared.
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
 * The value of a header: its parts, one behind the other. A part that is text stands as it is. A command is an operator of Envoy's
 * access logs without its percent signs, such as `REQ(x-user)`: what it says of the request, or nothing where it says nothing. A
 * value with commands that comes out empty edits nothing; one without parts is the empty value.
 */
export type HeaderValue = readonly (string | { readonly command: string })[];

/** Clients of one namespace: their identity begins with `spiffe://<one of trustDomains>/ns/<name>/`. */
export interface ClientNamespace {
  readonly name: string;
  /** Those of the mesh: its own first, then its aliases. */
  readonly trustDomains: readonly string[];
}

/** A text, number or truth value is like this. A text is never like a number. */
export type ScalarMatch =
  { readonly text: StringMatcher } | { readonly number: number } | { readonly boolean: boolean };

/** The value itself is like this, or it is a list of which one element is; `present`: it is anything at all, be it empty. */
export type MetadataMatch = ScalarMatch | { readonly element: ScalarMatch } | 'present';

/**
 * A condition on a claim of the request's token, or on what another filter says of the request. The names lead from the outside
 * in, each to a member of an object. It holds when the value that they lead to is like one of `anyOf`. It never holds for what is
 * absent, and no request without a valid token has claims. Clients cannot write metadata.
 */
export interface MetadataCondition {
  /** `claims`, or the name of an Envoy filter. */
  readonly metadata: string;
  readonly keys: readonly string[];
  readonly anyOf: readonly MetadataMatch[];
}
