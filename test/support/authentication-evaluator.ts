// A second opinion on RequestAuthentication, and on policies about tokens: from the manifests and
// the claims alone. It shares nothing with the generator.

import { wildcardMatches } from './authorization-patterns.ts';

/** A RequestAuthentication as it is written in a manifest. */
export interface WrittenAuthentication {
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly spec: {
    readonly targetRefs?: readonly { readonly group: string; readonly kind: string; readonly name: string }[];
    readonly jwtRules: readonly {
      readonly issuer: string;
      readonly jwks: string;
      readonly fromHeaders?: readonly { readonly name: string; readonly prefix?: string }[];
    }[];
  };
}

/** The token of a request, and the facts about it. */
export interface CarriedToken {
  readonly text: string;
  /** Name and value of the header that it is sent in. */
  readonly header: readonly [name: string, value: string];
  /** The keys that it was signed with; undefined when it was not, or not for now. */
  readonly signedWith: string | undefined;
  readonly claims: Readonly<Record<string, unknown>>;
}

type Claims = Readonly<Record<string, unknown>> | undefined;

function rulesThatSee(
  authentications: readonly WrittenAuthentication[],
  { header: [name, value] }: CarriedToken,
): readonly WrittenAuthentication['spec']['jwtRules'][number][] {
  return authentications
    .flatMap(({ spec }) => spec.jwtRules)
    .filter(({ fromHeaders = [{ name: 'authorization', prefix: 'Bearer ' }] }) =>
      fromHeaders.some(
        (place) => place.name.toLowerCase() === name.toLowerCase() && value.startsWith(place.prefix ?? ''),
      ),
    );
}

/** The claims of a token that some rule sees and verifies; undefined without one. */
export function verifiedClaims(
  authentications: readonly WrittenAuthentication[],
  token: CarriedToken | undefined,
): Claims {
  if (token === undefined) return undefined;
  const isVerified = rulesThatSee(authentications, token).some(
    ({ issuer, jwks }) => token.signedWith === jwks && token.claims['iss'] === issuer,
  );
  return isVerified ? token.claims : undefined;
}

/** Whether a token is there that belongs to no issuer. */
export function isRefused(authentications: readonly WrittenAuthentication[], token: CarriedToken | undefined): boolean {
  if (token === undefined || rulesThatSee(authentications, token).length === 0) return false;
  return verifiedClaims(authentications, token) === undefined;
}

/**
 * `<issuer>/<subject>`. Both may contain slashes: a rule that opens takes the last slash of the
 * value for the one in between, a rule that closes takes the two as one text.
 */
export function principalMatches(value: string, claims: Claims, isClosing: boolean): boolean {
  const issuer = textOf(claims?.['iss']);
  const subject = textOf(claims?.['sub']);
  if (isClosing) {
    if (value === '*') return issuer !== '' || subject !== '';
    if (subject === '') return value.endsWith('*') && issuer !== '' && issuer.startsWith(value.slice(0, -1));
    return issuer !== '' && wildcardMatches(value, `${issuer}/${subject}`);
  }
  if (issuer === '' || subject === '') return false;
  if (value === '*') return true;
  const slash = value.lastIndexOf('/');
  if (slash < 0) {
    if (value.startsWith('*')) return subject.endsWith(value.slice(1));
    return value.endsWith('*') && issuer.startsWith(value.slice(0, -1));
  }
  return wildcardMatches(value.slice(0, slash), issuer) && wildcardMatches(value.slice(slash + 1), subject);
}

function textOf(claim: unknown): string {
  return typeof claim === 'string' ? claim : '';
}

/** Claims whose text is a list of words. */
const wordLists = ['scope', 'permission'];

/**
 * A claim is a text or a list of texts, of which one is enough. Where a match closes something,
 * numbers and truth values are texts.
 */
export function claimMatches(value: string, keys: readonly string[], claims: Claims, isClosing: boolean): boolean {
  let claim: unknown = claims;
  for (const key of keys) {
    claim = typeof claim === 'object' && claim !== null && !Array.isArray(claim) ? Reflect.get(claim, key) : undefined;
  }
  if (isClosing && value === '*') return claim !== undefined;
  const [only = ''] = keys;
  const words = keys.length === 1 && wordLists.includes(only) && typeof claim === 'string' ? claim.split(' ') : claim;
  return [words].flat().some((each: unknown) => {
    if (typeof each === 'string') return wildcardMatches(value, each);
    return isClosing && (typeof each === 'number' || typeof each === 'boolean') && String(each) === value;
  });
}
