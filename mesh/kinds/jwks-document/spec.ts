// The documents of keys that the `jwksUri` of a RequestAuthentication names.

/**
 * Keys as they were last fetched. The fetcher makes this object; tests, and machines without a
 * network, read it from text.
 */
export interface JwksDocumentSpec {
  /**
   * The address that it was fetched for: a `jwksUri`, or the well-known address of an issuer's
   * configuration.
   */
  readonly uri: string;
  /** A JSON Web Key Set as text; absent while it could not be fetched. Manifests always have it. */
  readonly jwks?: string;
  /** The reason why the last fetch failed. Not written by users. */
  readonly problem?: string;
}
