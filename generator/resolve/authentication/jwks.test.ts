// The keys that are taken from a key set: a key too many is a forged token, a key too few an
// outage, and Envoy would refuse a set without any.

import { generateKeyPairSync, type JsonWebKey } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { noKeys, readKeys } from './jwks.ts';

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const publicJwk: JsonWebKey = rsa.publicKey.export({ format: 'jwk' });
const privateJwk: JsonWebKey = rsa.privateKey.export({ format: 'jwk' });
const curve = (namedCurve: string): JsonWebKey =>
  generateKeyPairSync('ec', { namedCurve }).publicKey.export({ format: 'jwk' });

const read = (...keys: readonly unknown[]): ReturnType<typeof readKeys> => readKeys(JSON.stringify({ keys }));
const taken = (...keys: readonly unknown[]): readonly unknown[] =>
  (JSON.parse(read(...keys).jwks) as { readonly keys: readonly unknown[] }).keys.slice(0, -1);

describe('a key set', () => {
  it.each([
    ['RSA', { ...publicJwk, alg: 'RS256', kid: 'a' }],
    ['P-256', curve('P-256')],
    ['P-384', { ...curve('P-384'), alg: 'ES384' }],
    ['P-521', curve('P-521')],
    ['Ed25519', generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' })],
  ])('keeps a key of %s as it is', (_, key) => {
    expect(taken({ ...key, use: 'sig' })).toEqual([key]);
    expect(read(key).problems).toEqual([]);
  });

  it('keeps nothing of a private key but its public half', () => {
    expect(taken(privateJwk)).toEqual([publicJwk]);
  });

  it.each([
    ['a shared secret', { kty: 'oct', k: 'c2VjcmV0' }],
    ['a key for encryption', { ...publicJwk, use: 'enc' }],
    ['an algorithm of another type', { ...publicJwk, alg: 'HS256' }],
    ['no algorithm', { ...publicJwk, alg: 'none' }],
    ['a short key', generateKeyPairSync('rsa', { modulusLength: 512 }).publicKey.export({ format: 'jwk' })],
    ['a point beside its curve', { ...curve('P-256'), y: curve('P-256').y }],
    ['a number', 7],
    ['half of a character as its id', { ...publicJwk, kid: 'a\ud800' }],
    ['half of a character in its number', { ...publicJwk, n: `${publicJwk.n ?? ''}\ud800` }],
    ['nothing', null],
    ['a type from the prototype', { kty: 'constructor' }],
  ])('leaves out %s, and says so', (_, key) => {
    expect(taken(publicJwk, key)).toEqual([publicJwk]);
    expect(read(publicJwk, key).problems).toHaveLength(1);
    expect(read(key)).toMatchObject({ jwks: noKeys, count: 0 });
  });

  it.each(['', '[]', '{}', '{"keys":{}}', 'null', '{"keys":[]}'])('that is %s has no key, and says so', (text) => {
    expect(readKeys(text)).toMatchObject({ jwks: noKeys, count: 0 });
    expect(readKeys(text).problems).toHaveLength(1);
  });
});
