// The documents of keys that the `jwksUri` of a RequestAuthentication names.

/** Keys as they were last fetched. Made by whoever fetches them; read from text in tests and on machines without a network. */
export interface JwksDocumentSpec {
  /** What it was fetched for: a `jwksUri`, or the well-known address of an issuer's configuration. */
  readonly uri: string;
  /** A JSON Web Key Set as text; absent while it could not be fetched. Manifests always have it. */
  readonly jwks?: string;
  /** Why the last attempt to fetch it failed. Not written by anybody. */
  readonly problem?: string;
}
