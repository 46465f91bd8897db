// The issuers whose tokens a frontend accepts, and how it passes tokens on.
//
// A request may carry several tokens, at the places where its providers look for them. It passes
// when it carries none, or when one provider finds a valid one: signed with a key of its `jwks`, by
// its issuer, not expired, for one of its audiences. Otherwise it is answered with 401, or with 403
// if only the audience is wrong. Of several valid tokens, that of the first provider counts: its
// claims are the claims of the request.

/** One issuer of tokens. */
export interface JwtProvider {
  readonly issuer: string;
  /** One of them must be among those of the token; none: any audience. */
  readonly audiences: readonly string[];
  /** A JSON Web Key Set that Envoy reads; without a key in it, no token of the issuer is valid. */
  readonly jwks: string;
  /**
   * The places of tokens: behind a prefix in a header, in a query parameter, in a cookie. None at
   * all means behind `Bearer ` in `authorization`, and in the query parameter `access_token`.
   */
  readonly fromHeaders: readonly { readonly name: string; readonly prefix: string }[];
  readonly fromParams: readonly string[];
  readonly fromCookies: readonly string[];
  /** Pass the token on to the application. */
  readonly forward: boolean;
  /** Header for the whole payload, in base64. */
  readonly payloadHeader?: string;
  /** Headers for single claims; one by a dotted path goes below the top. */
  readonly claimHeaders: readonly { readonly header: string; readonly claim: string }[];
  /**
   * Claims, not inside of others, whose text is a list of words: conditions see a list in its
   * place. Sorted.
   */
  readonly listClaims: readonly string[];
}

/**
 * The issuers of a frontend, sorted by issuer. Without any no token is looked for, and no request
 * has claims.
 */
export interface Authentication {
  readonly providers: readonly JwtProvider[];
}
