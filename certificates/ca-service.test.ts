import { X509Certificate } from 'node:crypto';
import { ServerCredentials } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createAuthority, type Authority } from './authority.ts';
import { requestCertificate, type CertificateCall } from './ca-client.ts';
import { decodeCertificateRequest, encodeCertificateRequest } from './ca-protocol.ts';
import { CertificateServer } from './ca-service.ts';
import { CertificateError } from './error.ts';
import { createPrivateKey, createRequest, formatPrivateKey } from './request.ts';
import { createTokenSigner } from './tokens.ts';

const trustDomain = 'cluster.local';
const signer = createTokenSigner();
const sleep = signer.signToken({ namespace: 'default', serviceAccount: 'sleep' }, 600, new Date());
const node = signer.signToken({ namespace: 'cairn-system', serviceAccount: 'node', nodeName: 'n1' }, 600, new Date());
let authority: Authority;
let server: CertificateServer;
let address: string;
const logged: string[] = [];

beforeAll(async () => {
  authority = await createAuthority({ trustDomain, now: new Date() });
  const key = createPrivateKey();
  const identity = 'spiffe://cluster.local/ns/cairn-system/sa/cairn';
  const chain = await authority.issue({ identity, csr: key, now: new Date(), dnsNames: ['cairn.test'] });
  server = new CertificateServer({
    authority,
    authenticate: async (token) => {
      if (token === 'api-server-down') throw new CertificateError('Unavailable', 'try again');
      return { trustDomain, ...signer.verifyToken(token, new Date()) };
    },
    mayImpersonate: (caller, wanted) => caller.nodeName === 'n1' && wanted.namespace === 'default',
    log: (message, fields) => logged.push(`${message} ${JSON.stringify(fields)}`),
  });
  const pair = { private_key: Buffer.from(formatPrivateKey(key)), cert_chain: Buffer.from(chain.join('')) };
  const port = await server.start('127.0.0.1:0', ServerCredentials.createSsl(null, [pair], false));
  address = `127.0.0.1:${port}`;
});
afterAll(() => server.stop());

const key = createPrivateKey();

async function ask(change: Partial<CertificateCall>): Promise<readonly string[]> {
  const rootPem = authority.rootPem;
  const csrPem = createRequest(key);
  return requestCertificate({
    address,
    rootPem,
    serverName: 'cairn.test',
    token: sleep,
    csrPem,
    ttlSeconds: 0,
    ...change,
  });
}

async function nameIn(change: Partial<CertificateCall>): Promise<string | undefined> {
  const [leaf = ''] = await ask(change);
  return new X509Certificate(leaf).subjectAltName;
}

it("issues the caller's own identity for its own key", async () => {
  const chain = await ask({});
  const leaf = new X509Certificate(chain[0] ?? '');
  expect(leaf.subjectAltName).toBe('URI:spiffe://cluster.local/ns/default/sa/sleep');
  expect(leaf.checkPrivateKey(key)).toBe(true);
  expect(chain.at(-1)).toBe(authority.rootPem);
});

it('lets a node proxy have the identities of its own workloads, and nobody else another identity', async () => {
  const wanted = 'spiffe://cluster.local/ns/default/sa/reviews';
  expect(await nameIn({ token: node, impersonate: wanted })).toBe(`URI:${wanted}`);
  const elsewhere = ask({ token: node, impersonate: 'spiffe://cluster.local/ns/kube-system/sa/admin' });
  await expect(elsewhere).rejects.toMatchObject({ code: 'PermissionDenied' });
  await expect(ask({ impersonate: wanted })).rejects.toMatchObject({ code: 'PermissionDenied' });
  const foreign = ask({ token: node, impersonate: 'spiffe://other.local/ns/default/sa/reviews' });
  await expect(foreign).rejects.toMatchObject({ code: 'PermissionDenied' });
  await expect(ask({ token: node, impersonate: 'reviews' })).rejects.toMatchObject({ code: 'RequestInvalid' });
});

it('refuses a caller without a good token, and says why to the log without the token', async () => {
  const expired = signer.signToken({ namespace: 'default', serviceAccount: 'sleep' }, -1, new Date());
  for (const token of ['nonsense', expired]) {
    await expect(ask({ token })).rejects.toMatchObject({ code: 'Unauthenticated' });
  }
  await expect(ask({ token: 'api-server-down' })).rejects.toMatchObject({ code: 'Unavailable' });
  expect(logged.some((line) => line.includes('expired'))).toBe(true);
  expect(logged.join('\n')).not.toContain(expired);
});

it('refuses a bad request and a life of over 90 days', async () => {
  await expect(ask({ csrPem: 'nonsense' })).rejects.toMatchObject({ code: 'RequestInvalid' });
  await expect(ask({ ttlSeconds: 91 * 86_400 })).rejects.toMatchObject({ code: 'RequestInvalid' });
});

it('is not trusted by a client with another root or another name in mind', async () => {
  const other = await createAuthority({ trustDomain, now: new Date() });
  await expect(ask({ rootPem: other.rootPem, timeoutMs: 1000 })).rejects.toMatchObject({ code: 'Unavailable' });
  await expect(ask({ serverName: 'other.test', timeoutMs: 1000 })).rejects.toMatchObject({ code: 'Unavailable' });
});

it('reads the bytes that other clients send: a Struct with values of every type, and unknown fields', () => {
  const request = {
    csr: 'pem',
    validitySeconds: 86_400,
    metadata: { ImpersonatedIdentity: 'spiffe://a', cluster: 'y' },
  };
  expect(decodeCertificateRequest(encodeCertificateRequest(request))).toEqual(request);
  // metadata {"a": 1.0, "b": {"c": true}}, then field 9 of a later version
  const number = Buffer.from('0a0e0a0161120911000000000000f03f', 'hex');
  const nested = Buffer.from('0a100a0162120b2a090a070a016312022001', 'hex');
  const struct = Buffer.concat([number, nested]);
  const bytes = Buffer.concat([Buffer.from([0x22, struct.length]), struct, Buffer.from([0x4a, 0x01, 0x78])]);
  expect(decodeCertificateRequest(bytes)).toEqual({ csr: '', validitySeconds: 0, metadata: {} });
});
