// Istio RequestAuthentication (security.istio.io).

import type { PolicyTargetReference } from '../authorization-policy/spec.ts';

/** The place of a token: a header, and the prefix of the token in it. */
export interface JwtHeader {
  readonly name: string;
  readonly prefix?: string;
}

export interface JwtRule {
  readonly issuer?: string;
  readonly audiences?: readonly string[];
  /** A JSON Web Key Set as text. */
  readonly jwks?: string;
  readonly jwksUri?: string;
  /** Another spelling of `jwksUri`. */
  readonly jwks_uri?: string;
  readonly fromHeaders?: readonly JwtHeader[];
  readonly fromParams?: readonly string[];
  readonly fromCookies?: readonly string[];
  readonly outputPayloadToHeader?: string;
  readonly outputClaimToHeaders?: readonly { readonly header: string; readonly claim: string }[];
  readonly forwardOriginalToken?: boolean;
  readonly spaceDelimitedClaims?: readonly string[];
  /** The timeout of fetching `jwksUri`. */
  readonly timeout?: string;
}

export interface RequestAuthenticationSpec {
  readonly selector?: { readonly matchLabels?: Readonly<Record<string, string>> };
  readonly targetRef?: PolicyTargetReference;
  readonly targetRefs?: readonly PolicyTargetReference[];
  readonly jwtRules?: readonly JwtRule[];
}
