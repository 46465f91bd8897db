// Whose tokens are accepted on a frontend, and what becomes of them.

/** One issuer of tokens. */
export interface JwtProvider {
  readonly issuer: string;
  /** Absent: any audience. */
  readonly audiences: readonly string[];
  /** A JSON Web Key Set that Envoy reads; without a key in it no token of the issuer is valid. */
  readonly jwks: string;
  /** Where tokens are looked for; nothing at all means `Authorization: Bearer` and the query parameter `access_token`. */
  readonly fromHeaders: readonly { readonly name: string; readonly prefix: string }[];
  readonly fromParams: readonly string[];
  readonly fromCookies: readonly string[];
  /** Pass the token on to the application. */
  readonly forward: boolean;
  /** Header for the whole payload, in base64. */
  readonly payloadHeader?: string;
  /** Headers for single claims; one by a dotted path goes below the top. */
  readonly claimHeaders: readonly { readonly header: string; readonly claim: string }[];
  /** Claims whose text is a list, apart from `scope` and `permission`. */
  readonly spaceDelimitedClaims: readonly string[];
}

/** The issuers of a frontend, sorted by issuer. A request without a token passes; one with a token that is not valid does not. */
export interface Authentication {
  readonly providers: readonly JwtProvider[];
}
