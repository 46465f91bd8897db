// Tokens that prove the identity of a workload, in the shape of Kubernetes service-account tokens,
// signed with ES256. In a cluster the API server issues them to pods; `cairn run` issues them to
// its agents. Verification accepts one algorithm, one key and one audience only.

import { createHash, createPrivateKey as readPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import { CertificateError } from './error.ts';
import { createPrivateKey, formatPrivateKey } from './request.ts';

/** The audience that Istio's CA and its clients agree on. */
export const tokenAudience: string = 'istio-ca';
const issuer = 'https://cairn.local';
const clockSkewSeconds = 60;
/** No real token is near this; it bounds the work for an unauthenticated caller. */
const maximumTokenLength = 16_384;

/** The owner of a token. */
export interface TokenSubject {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly podName?: string;
  readonly nodeName?: string;
}

/** Signs and verifies tokens with one key. */
export interface TokenSigner {
  /** The private key as PEM, to be kept between runs. */
  readonly keyPem: string;
  signToken(subject: TokenSubject, ttlSeconds: number, now: Date): string;
  /**
   * The subject of a valid token; throws CertificateError `TokenInvalid`, `TokenExpired` or
   * `TokenAudience`.
   */
  verifyToken(token: string, now: Date): TokenSubject;
}

/** A signer with the given EC P-256 key, or with a new one. */
export function createTokenSigner(keyPem: string = formatPrivateKey(createPrivateKey())): TokenSigner {
  const privateKey = readTokenKey(keyPem);
  const publicKey = createPublicKey(privateKey);
  const keyId = createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('base64url');
  const header = encode({ alg: 'ES256', kid: keyId, typ: 'JWT' });

  function signToken(subject: TokenSubject, ttlSeconds: number, now: Date): string {
    const content = `${header}.${encode(claimsOf(subject, ttlSeconds, Math.floor(now.getTime() / 1000)))}`;
    const signature = sign('sha256', Buffer.from(content), { key: privateKey, dsaEncoding: 'ieee-p1363' });
    return `${content}.${signature.toString('base64url')}`;
  }

  function verifyToken(token: string, now: Date): TokenSubject {
    const match = /^([\w-]+)\.([\w-]+)\.([\w-]{86})$/.exec(token.length > maximumTokenLength ? '' : token);
    const [, head = '', body = '', signature = ''] = match ?? [];
    // The header is compared, not interpreted: a caller that could choose the algorithm could
    // choose "none".
    if (match === null || head !== header) throw invalid('it was not signed by this authority with ES256');
    const content = Buffer.from(`${head}.${body}`);
    const key = { key: publicKey, dsaEncoding: 'ieee-p1363' } as const;
    if (!verify('sha256', content, key, Buffer.from(signature, 'base64url'))) throw invalid('its signature is wrong');
    return checkClaims(decode(body), now.getTime() / 1000);
  }

  return { keyPem, signToken, verifyToken };
}

function readTokenKey(pem: string): ReturnType<typeof readPrivateKey> {
  try {
    const key = readPrivateKey(pem);
    if (key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return key;
  } catch (cause) {
    throw new CertificateError('KeyMismatch', 'the key for tokens is not a private key in PEM', cause);
  }
  throw new CertificateError('KeyMismatch', 'the key for tokens must be EC P-256');
}

function claimsOf(subject: TokenSubject, ttlSeconds: number, now: number): Record<string, unknown> {
  const account = `${subject.namespace}/${subject.serviceAccount}`;
  return {
    aud: [tokenAudience],
    exp: now + Math.floor(ttlSeconds),
    iat: now,
    iss: issuer,
    'kubernetes.io': {
      namespace: subject.namespace,
      ...(subject.nodeName === undefined ? {} : { node: { name: subject.nodeName } }),
      ...(subject.podName === undefined ? {} : { pod: { name: subject.podName } }),
      serviceaccount: {
        name: subject.serviceAccount,
        uid: createHash('sha256').update(account).digest('hex').slice(0, 32),
      },
    },
    nbf: now,
    sub: `system:serviceaccount:${subject.namespace}:${subject.serviceAccount}`,
  };
}

function checkClaims(claims: Record<string, unknown>, now: number): TokenSubject {
  const { aud, exp, nbf, iss, sub } = claims;
  if (iss !== issuer) throw invalid('it has another issuer');
  if (typeof exp !== 'number' || typeof nbf !== 'number') throw invalid('it does not say when it is valid');
  if (now >= exp)
    throw new CertificateError('TokenExpired', `the token expired at ${new Date(exp * 1000).toISOString()}`);
  if (now + clockSkewSeconds < nbf) throw invalid('it is not valid yet');
  if (!(Array.isArray(aud) ? aud : [aud]).includes(tokenAudience)) {
    throw new CertificateError('TokenAudience', `the token is not for the audience ${tokenAudience}`);
  }
  const bound = record(claims['kubernetes.io']);
  const namespace = bound['namespace'];
  const serviceAccount = record(bound['serviceaccount'])['name'];
  if (typeof namespace !== 'string' || typeof serviceAccount !== 'string') throw invalid('it names no service account');
  if (sub !== `system:serviceaccount:${namespace}:${serviceAccount}`)
    throw invalid('its subject contradicts its claims');
  const podName = record(bound['pod'])['name'];
  const nodeName = record(bound['node'])['name'];
  return {
    namespace,
    serviceAccount,
    ...(typeof podName === 'string' ? { podName } : {}),
    ...(typeof nodeName === 'string' ? { nodeName } : {}),
  };
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function decode(text: string): Record<string, unknown> {
  try {
    return record(JSON.parse(Buffer.from(text, 'base64url').toString('utf8')));
  } catch (cause) {
    throw new CertificateError('TokenInvalid', 'the token is refused: its claims are not JSON', cause);
  }
}

function invalid(reason: string): CertificateError {
  return new CertificateError('TokenInvalid', `the token is refused: ${reason}`);
}
