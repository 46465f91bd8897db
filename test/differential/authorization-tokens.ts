// The issuers of the differential of authorization, and tokens in every state: good ones with all
// sorts of claims, and bad ones.

import type { CarriedToken } from '../support/authentication-evaluator.ts';
import { createIssuer, type TestIssuer, unsignedToken } from '../support/tokens.ts';

/** Issuers that a target may accept tokens of. */
export type IssuerName = 'one' | 'two' | 'three';

/** The issuers of tokens. */
export const issuers: Readonly<Record<IssuerName, TestIssuer>> = {
  one: createIssuer('https://one.example'),
  two: createIssuer('https://two.example/deep', 'RS256'),
  three: createIssuer('three', 'EdDSA'),
};
const impostor = createIssuer(issuers.one.issuer);

/**
 * The header that tokens of an issuer are looked for in, besides those of issuers that say nothing.
 */
export const ownHeader: Readonly<Partial<Record<IssuerName, { readonly name: string; readonly prefix: string }>>> = {
  two: { name: 'x-token', prefix: 'Token ' },
};

const claims: readonly Readonly<Record<string, unknown>>[] = [
  { sub: 'anna' },
  { sub: 'a/b', aud: 'shop', azp: 'client' },
  { sub: 'bob', aud: ['x', 'shop'], groups: ['dev-a', 'x'], scope: 'read write' },
  { sub: 'x/anna', groups: 'admins', realm: { roles: ['owner'] } },
  { sub: 'mallory', groups: ['admins', 'dev'], realm: { roles: 'owner' }, level: 7 },
  { sub: 'carl', groups: [7, true], realm: 'owner', level: true, scope: 'read' },
  { sub: undefined, groups: [], level: 70, realm: {} },
  { sub: 'anna', groups: { groups: 'admins' }, roles: 'owner', level: '7', scope: 'rewrite', aud: 'bank' },
];

const now = Math.floor(Date.now() / 1000);

function carry(
  text: string,
  own: Readonly<Record<string, unknown>>,
  signedWith: string | undefined,
  place: { readonly name: string; readonly prefix: string } = { name: 'authorization', prefix: 'Bearer ' },
): CarriedToken {
  return { text, header: [place.name, place.prefix + text], claims: own, signedWith };
}

function tokensOf(name: IssuerName): readonly CarriedToken[] {
  const { issuer, jwks, sign } = issuers[name];
  return claims.flatMap((own) => {
    const text = sign(own);
    const all = { iss: issuer, sub: 'someone', ...own };
    return [carry(text, all, jwks, ownHeader[name]), ...(name === 'two' ? [carry(text, all, jwks)] : [])];
  });
}

/** The tokens of requests. */
export const tokens: readonly CarriedToken[] = [
  ...tokensOf('one'),
  ...tokensOf('one'),
  ...tokensOf('two'),
  ...tokensOf('three'),
  carry(impostor.sign({ sub: 'anna' }), { iss: impostor.issuer, sub: 'anna' }, impostor.jwks),
  carry(issuers.one.sign({ exp: now - 7200 }), {}, undefined),
  carry(issuers.one.sign({ nbf: now + 7200 }), {}, undefined),
  carry(unsignedToken({ iss: issuers.one.issuer, sub: 'anna' }), {}, undefined),
  carry('nonsense', {}, undefined),
  carry(issuers.one.sign({ sub: 'anna' }), { iss: issuers.one.issuer, sub: 'anna' }, issuers.one.jwks, ownHeader.two),
];
