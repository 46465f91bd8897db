// Reduces the keys of an issuer, as text, to those that Envoy can use: Envoy would refuse a key set
// that it cannot read together with everything around it.

import { createPublicKey, type JsonWebKey } from 'node:crypto';

/** The usable keys, and the faults of the others. */
export interface ReadKeys {
  /** A JSON Web Key Set that Envoy takes, without a usable key when `count` is 0. */
  readonly jwks: string;
  readonly count: number;
  /** It is a key set, and has no key at all. */
  readonly isEmpty: boolean;
  readonly problems: readonly string[];
}

/**
 * The end of every key set, since Envoy refuses a set in which it finds no key: an Ed25519 key of
 * which no signature is valid, because 2 is no y of a point of the curve.
 */
const noKey = {
  kty: 'OKP',
  crv: 'Ed25519',
  x: 'AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
  alg: 'EdDSA',
  kid: 'none',
};

/** A key set under which no token is valid. */
export const noKeys: string = JSON.stringify({ keys: [noKey] });

/** Keys of one issuer; every key costs a verification for each token without a key id. */
const maxKeys = 64;
const maxTextLength = 256 * 1024;

/**
 * Reads a JSON Web Key Set. It takes only public keys of signatures: with a shared secret, a reader
 * could sign.
 */
export function readKeys(text: string): ReadKeys {
  const parsed = parse(text);
  if (parsed === undefined)
    return { jwks: noKeys, count: 0, isEmpty: false, problems: ['it is not a JSON Web Key Set'] };
  const problems: string[] = [];
  const keys = parsed.slice(0, maxKeys).flatMap((value, index) => {
    const key = readKey(value);
    if (typeof key !== 'string') return [key];
    problems.push(`key ${index} ${key}`);
    return [];
  });
  if (parsed.length > maxKeys) problems.push(`it has more than ${maxKeys} keys, and the rest is left out`);
  if (parsed.length === 0) problems.push('it has no key');
  return {
    jwks: JSON.stringify({ keys: [...keys, noKey] }),
    count: keys.length,
    isEmpty: parsed.length === 0,
    problems,
  };
}

function parse(text: string): readonly unknown[] | undefined {
  if (text.length > maxTextLength) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    const keys = typeof value === 'object' && value !== null && 'keys' in value ? value.keys : undefined;
    return Array.isArray(keys) ? keys : undefined;
  } catch {
    return undefined;
  }
}

/** Envoy's view of a key: its fields in JSON, and the algorithms that may go with them. */
const kinds: Readonly<Record<string, { readonly fields: readonly string[]; readonly algorithms: RegExp }>> = {
  RSA: { fields: ['n', 'e'], algorithms: /^(?:RS|PS)(?:256|384|512)$/ },
  'EC P-256': { fields: ['crv', 'x', 'y'], algorithms: /^ES256$/ },
  'EC P-384': { fields: ['crv', 'x', 'y'], algorithms: /^ES384$/ },
  'EC P-521': { fields: ['crv', 'x', 'y'], algorithms: /^ES512$/ },
  'OKP Ed25519': { fields: ['crv', 'x'], algorithms: /^EdDSA$/ },
};

/** The least bits of an RSA key; shorter ones can be factored. */
const minRsaBits = 1024;

/**
 * Whether a value is a word or base64url. Node.js accepts other values as keys too, and half of a
 * character makes Envoy refuse the set.
 */
function isWord(value: unknown): value is string {
  return typeof value === 'string' && /^[\w+/-]+=*$/.test(value);
}

function readKey(value: unknown): Readonly<Record<string, string>> | string {
  if (typeof value !== 'object' || value === null) return 'is not an object';
  const key = value as Readonly<Record<string, unknown>>;
  const { kty, crv, kid, alg, use } = key;
  if (typeof kty !== 'string') return 'has no type';
  const name = kty === 'RSA' || typeof crv !== 'string' ? kty : `${kty} ${crv}`;
  const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined;
  if (kind === undefined) return `is of type "${name}"; types are ${Object.keys(kinds).join(', ')}`;
  if (use !== undefined && use !== 'sig') return 'is not for signatures';
  if (alg !== undefined && (typeof alg !== 'string' || !kind.algorithms.test(alg))) {
    return `is for an algorithm that keys of type ${name} do not have`;
  }
  if (kid !== undefined && (typeof kid !== 'string' || /\p{Surrogate}/u.test(kid))) return 'has an id that is not text';
  const entries = ['kty', ...kind.fields].map((field): readonly [string, unknown] => [field, key[field]]);
  if (!entries.every((entry): entry is readonly [string, string] => isWord(entry[1]))) {
    return `needs the fields ${kind.fields.join(', ')}, in base64url`;
  }
  const jwk: JsonWebKey = Object.fromEntries(entries);
  try {
    const { asymmetricKeyDetails } = createPublicKey({ key: jwk, format: 'jwk' });
    if (kty === 'RSA' && (asymmetricKeyDetails?.modulusLength ?? 0) < minRsaBits) {
      return `is shorter than ${minRsaBits} bits`;
    }
  } catch {
    return 'is not a key';
  }
  return {
    ...Object.fromEntries(entries),
    ...(kid === undefined ? {} : { kid }),
    ...(typeof alg === 'string' ? { alg } : {}),
  };
}
