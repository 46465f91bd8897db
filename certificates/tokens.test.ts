import { createHash, createHmac, createPublicKey, sign } from 'node:crypto';
import { expect, it } from 'vitest';
import { createPrivateKey, formatPrivateKey } from './request.ts';
import { createTokenSigner } from './tokens.ts';

const now = new Date('2026-03-01T12:00:00Z');
const later = (seconds: number): Date => new Date(now.getTime() + seconds * 1000);
const subject = { namespace: 'default', serviceAccount: 'sleep', podName: 'sleep-1', nodeName: 'node-1' };
const keyPem = formatPrivateKey(createPrivateKey());
const signer = createTokenSigner(keyPem);

function claims(token: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>;
}

/**
 * Signs any header and claims, as a forger (or an authority with another purpose) may choose them.
 */
function forge(header: unknown, body: unknown, key: string = keyPem): string {
  const content = [header, body].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  return `${content}.${sign('sha256', Buffer.from(content), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}

const spki = createPublicKey(keyPem).export({ type: 'spki', format: 'der' });
const header = { alg: 'ES256', kid: createHash('sha256').update(spki).digest('base64url'), typ: 'JWT' };

it('gives back the subject until it expires, also to a signer opened later with the same key', () => {
  const token = signer.signToken(subject, 600, now);
  expect(createTokenSigner(keyPem).verifyToken(token, later(599))).toEqual(subject);
  expect(() => signer.verifyToken(token, later(600))).toThrow(expect.objectContaining({ code: 'TokenExpired' }));
});

it("has the claims of a cluster's tokens", () => {
  expect(claims(signer.signToken(subject, 600, now))).toMatchObject({
    sub: 'system:serviceaccount:default:sleep',
    aud: ['istio-ca'],
    'kubernetes.io': {
      namespace: 'default',
      serviceaccount: { name: 'sleep' },
      pod: { name: 'sleep-1' },
      node: { name: 'node-1' },
    },
  });
});

it('refuses a token for another audience, from another issuer, or whose subject contradicts its claims', () => {
  const good = claims(signer.signToken(subject, 600, now));
  expect(signer.verifyToken(forge(header, good), now)).toEqual(subject);
  const codeOf = (body: unknown): unknown => {
    try {
      return signer.verifyToken(forge(header, body), now);
    } catch (error) {
      return error instanceof Error && 'code' in error ? error.code : error;
    }
  };
  expect(codeOf({ ...good, aud: ['kubernetes'] })).toBe('TokenAudience');
  expect(codeOf({ ...good, aud: undefined })).toBe('TokenAudience');
  expect(codeOf({ ...good, iss: 'https://elsewhere' })).toBe('TokenInvalid');
  expect(codeOf({ ...good, sub: 'system:serviceaccount:kube-system:admin' })).toBe('TokenInvalid');
  expect(codeOf({ ...good, exp: undefined })).toBe('TokenInvalid');
  expect(codeOf({ ...good, nbf: Math.floor(now.getTime() / 1000) + 120 })).toBe('TokenInvalid');
  expect(codeOf([])).toBe('TokenInvalid');
});

it('refuses any other algorithm, key or shape', () => {
  const good = signer.signToken(subject, 600, now);
  const [, body = '', signature = ''] = good.split('.');
  const none = Buffer.from(JSON.stringify({ alg: 'none', typ: 'JWT' })).toString('base64url');
  const hs256 = Buffer.from(JSON.stringify({ ...header, alg: 'HS256' })).toString('base64url');
  const publicPem = String(createPublicKey(keyPem).export({ type: 'spki', format: 'pem' }));
  const mac = createHmac('sha256', publicPem).update(`${hs256}.${body}`).digest('base64url');
  const admin = Buffer.from(JSON.stringify({ ...claims(good), sub: 'system:serviceaccount:a:b' })).toString(
    'base64url',
  );
  const tokens = [
    `${none}.${body}.`,
    `${none}.${body}.${signature}`,
    `${hs256}.${body}.${mac}`,
    good.replace(body, admin),
    `${good}.x`,
    `${good} `,
    '',
    createTokenSigner().signToken(subject, 600, now),
    forge(header, claims(good), formatPrivateKey(createPrivateKey())),
  ];
  for (const token of tokens) {
    expect(() => signer.verifyToken(token, now), token).toThrow(expect.objectContaining({ code: 'TokenInvalid' }));
  }
});
