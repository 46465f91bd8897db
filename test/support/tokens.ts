// JSON Web Tokens for tests: issuers with real keys, and tokens that they sign.

import { generateKeyPairSync, type KeyObject, sign as signBytes } from 'node:crypto';

/** Algorithms that issuers of tests use. */
export type TokenAlgorithm = 'RS256' | 'ES256' | 'EdDSA';

/** Someone who signs tokens. */
export interface TestIssuer {
  readonly issuer: string;
  /** The public key as a JSON Web Key Set. */
  readonly jwks: string;
  /**
   * A token with these claims, issued by the issuer and valid for an hour unless the claims say
   * otherwise.
   */
  readonly sign: (claims?: Readonly<Record<string, unknown>>) => string;
}

/** Makes an issuer with a new key. */
export function createIssuer(issuer: string, algorithm: TokenAlgorithm = 'ES256'): TestIssuer {
  const { publicKey, privateKey } = generateKeys(algorithm);
  const kid = `${algorithm}-1`;
  const header = encode({ alg: algorithm, kid, typ: 'JWT' });
  return {
    issuer,
    jwks: JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid, alg: algorithm, use: 'sig' }] }),
    sign: (claims = {}) => {
      const now = Math.floor(Date.now() / 1000);
      const body = `${header}.${encode({ iss: issuer, sub: 'someone', iat: now, exp: now + 3600, ...claims })}`;
      const hash = algorithm === 'EdDSA' ? null : 'sha256';
      const signature = signBytes(hash, Buffer.from(body), { key: privateKey, dsaEncoding: 'ieee-p1363' });
      return `${body}.${signature.toString('base64url')}`;
    },
  };
}

/** A token that says of itself that it needs no signature. */
export function unsignedToken(claims: Readonly<Record<string, unknown>>): string {
  return `${encode({ alg: 'none', typ: 'JWT' })}.${encode(claims)}.`;
}

function generateKeys(algorithm: TokenAlgorithm): { readonly publicKey: KeyObject; readonly privateKey: KeyObject } {
  switch (algorithm) {
    case 'RS256':
      return generateKeyPairSync('rsa', { modulusLength: 2048 });
    case 'ES256':
      return generateKeyPairSync('ec', { namedCurve: 'P-256' });
    case 'EdDSA':
      return generateKeyPairSync('ed25519');
  }
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
