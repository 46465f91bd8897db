import { createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { beforeAll, describe, expect, it } from 'vitest';
import { createAuthority, openAuthority, type Authority } from './authority.ts';
import { CertificateError } from './error.ts';
import { createPrivateKey, createRequest, formatPrivateKey } from './request.ts';

const now = new Date('2026-03-01T12:00:00Z');
const identity = 'spiffe://cluster.local/ns/default/sa/waypoint';
let authority: Authority;

beforeAll(async () => {
  authority = await createAuthority({ trustDomain: 'cluster.local', now });
});

function code(error: unknown): string {
  return error instanceof CertificateError ? error.code : String(error);
}

async function refusal(promise: Promise<unknown>): Promise<string> {
  return promise.then(() => 'no error', code);
}

function certificate(pem: string | undefined): X509Certificate {
  return new X509Certificate(pem ?? '');
}

describe('a leaf', () => {
  it('verifies against the root, belongs to the key of the request, and names only the identity', async () => {
    const key = createPrivateKey();
    const [leafPem, rootPem, ...rest] = await authority.issue({ identity, csr: createRequest(key), now });
    const leaf = certificate(leafPem);
    const root = certificate(rootPem);
    expect(rest).toEqual([]);
    expect(rootPem).toBe(authority.rootPem);
    expect(leaf.checkIssued(root)).toBe(true);
    expect(leaf.verify(root.publicKey)).toBe(true);
    expect(leaf.checkPrivateKey(key)).toBe(true);
    expect(leaf.ca).toBe(false);
    expect(leaf.subject ?? '').toBe('');
    expect(leaf.subjectAltName).toBe(`URI:${identity}`);
    expect(leaf.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
  });

  it('has its names marked critical, since it has no subject', async () => {
    const [leafPem = ''] = await authority.issue({ identity, csr: createPrivateKey(), now });
    const extensions = new x509.X509Certificate(leafPem).extensions;
    expect(extensions.find((extension) => extension.type === '2.5.29.17')?.critical).toBe(true);
  });

  it('is valid from two minutes ago for 24 hours, or for as long as asked', async () => {
    const [byDefault] = await authority.issue({
      identity,
      csr: createPrivateKey(),
      now: new Date(now.getTime() + 3e5),
    });
    expect(Date.parse(certificate(byDefault).validFrom)).toBe(now.getTime() + 180_000);
    expect(Date.parse(certificate(byDefault).validTo)).toBe(now.getTime() + 300_000 + 86_400_000);
    const [short] = await authority.issue({ identity, csr: createPrivateKey(), now, ttlSeconds: 60 });
    expect(Date.parse(certificate(short).validTo)).toBe(now.getTime() + 60_000);
  });

  it('never outlives the authority', async () => {
    const end = Date.parse(certificate(authority.rootPem).validTo);
    const [leaf] = await authority.issue({ identity, csr: createPrivateKey(), now: new Date(end - 60_000) });
    expect(Date.parse(certificate(leaf).validTo)).toBe(end);
    expect(await refusal(authority.issue({ identity, csr: createPrivateKey(), now: new Date(end) }))).toBe(
      'AuthorityExpired',
    );
  });

  it('never repeats a serial number', async () => {
    const serials = new Set<string>();
    for (let i = 0; i < 20; i++) {
      const [leaf] = await authority.issue({ identity, csr: createPrivateKey(), now });
      serials.add(certificate(leaf).serialNumber);
    }
    expect(serials.size).toBe(20);
  });

  it("carries the control plane's own names only when they are given", async () => {
    const names = { dnsNames: ['cairn.cairn-system.svc'], ipAddresses: ['127.7.0.1'] };
    const [leaf] = await authority.issue({ identity, csr: createPrivateKey(), now, ...names });
    expect(certificate(leaf).checkHost('cairn.cairn-system.svc')).toBe('cairn.cairn-system.svc');
    expect(certificate(leaf).checkIP('127.7.0.1')).toBe('127.7.0.1');
  });
});

describe('a request', () => {
  it('cannot name its own identity', async () => {
    const keys = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
    const wanted = 'spiffe://cluster.local/ns/kube-system/sa/admin';
    const request = await x509.Pkcs10CertificateRequestGenerator.create({
      name: 'CN=admin',
      keys,
      signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
      extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'url', value: wanted }])],
    });
    const [leaf] = await authority.issue({ identity, csr: request.toString('pem'), now });
    expect(certificate(leaf).subjectAltName).toBe(`URI:${identity}`);
    expect(certificate(leaf).subject ?? '').toBe('');
  });

  it('is refused when it was tampered with, since possession of the key is then unproved', async () => {
    const own = createRequest(createPrivateKey()).split('\n').slice(1, -2).join('');
    const bytes = Buffer.from(own, 'base64');
    const other = createPublicKey(createPrivateKey()).export({ type: 'spki', format: 'der' });
    const at = bytes.indexOf(other.subarray(0, 27));
    expect(at).toBeGreaterThan(0);
    other.copy(bytes, at);
    const pem = `-----BEGIN CERTIFICATE REQUEST-----\n${bytes.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;
    expect(await refusal(authority.issue({ identity, csr: pem, now }))).toBe('RequestInvalid');
  });

  it('is refused when it is not one, or its key is weak', async () => {
    const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey;
    const odd = generateKeyPairSync('ed25519').publicKey;
    for (const csr of ['', 'hello', authority.rootPem, weak, odd]) {
      expect(await refusal(authority.issue({ identity, csr, now }))).toBe('RequestInvalid');
    }
  });

  it('may carry an RSA key of 2048 bits or an EC P-384 key', async () => {
    const keys = await crypto.subtle.generateKey(
      { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) },
      true,
      ['sign', 'verify'],
    );
    const signingAlgorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
    const rsa = await x509.Pkcs10CertificateRequestGenerator.create({ keys, signingAlgorithm });
    const ec = generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey;
    for (const csr of [rsa.toString('pem'), ec]) {
      const [leaf] = await authority.issue({ identity, csr, now });
      expect(certificate(leaf).verify(certificate(authority.rootPem).publicKey)).toBe(true);
    }
  });

  it('may not ask for more than 90 days, for another trust domain, or for an identity of another shape', async () => {
    const csr = createPrivateKey();
    const tooLong = authority.issue({ identity, csr, now, ttlSeconds: 90 * 86_400 + 1 });
    expect(await refusal(tooLong)).toBe('TtlInvalid');
    for (const wrong of ['spiffe://other.local/ns/default/sa/waypoint', `${identity}/x`, 'https://cluster.local']) {
      expect(await refusal(authority.issue({ identity: wrong, csr, now }))).toBe('IdentityInvalid');
    }
  });
});

describe('a supplied authority', () => {
  async function supply(change: Partial<Authority['pems']>, at: Date = now): Promise<string> {
    const open = async (): Promise<Authority> =>
      openAuthority({ trustDomain: 'cluster.local', now: at, pems: { ...authority.pems, ...change } });
    return refusal(open());
  }

  it('is taken when key, chain and validity fit', async () => {
    expect(await supply({})).toBe('no error');
  });

  it('is refused with a key of another certificate', async () => {
    expect(await supply({ caKey: formatPrivateKey(createPrivateKey()) })).toBe('KeyMismatch');
  });

  it('is refused when it does not lead to the root, is not an authority, is unreadable or has expired', async () => {
    const other = await createAuthority({ trustDomain: 'cluster.local', now });
    expect(await supply({ rootCert: other.rootPem })).toBe('AuthorityInvalid');
    const key = createPrivateKey();
    const [leaf = ''] = await authority.issue({ identity, csr: key, now });
    expect(await supply({ caCert: leaf, caKey: formatPrivateKey(key) })).toBe('AuthorityInvalid');
    expect(await supply({ caKey: 'nonsense' })).toBe('AuthorityInvalid');
    expect(await supply({ caCert: '' })).toBe('AuthorityInvalid');
    expect(await supply({}, new Date('2037-01-01T00:00:00Z'))).toBe('AuthorityExpired');
  });

  it('may be an intermediate with an RSA key, whose certificate is then part of every chain', async () => {
    const intermediate = await createIntermediate();
    const opened = openAuthority({ trustDomain: 'cluster.local', now, pems: intermediate });
    const chain = await opened.issue({ identity, csr: createPrivateKey(), now });
    expect(chain).toHaveLength(3);
    const [leaf, middle, root] = chain.map(certificate);
    expect(leaf?.checkIssued(certificate(chain[1]))).toBe(true);
    expect(leaf?.verify(certificate(chain[1]).publicKey)).toBe(true);
    expect(middle?.verify(certificate(chain[2]).publicKey)).toBe(true);
    expect(root?.fingerprint256).toBe(certificate(authority.rootPem).fingerprint256);
    expect(Date.parse(leaf?.validTo ?? '')).toBe(Date.parse(middle?.validTo ?? ''));
  });

  async function createIntermediate(): Promise<Authority['pems']> {
    const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
    const size = { modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) };
    const keys = await crypto.subtle.generateKey({ ...algorithm, ...size }, true, ['sign', 'verify']);
    const rootKey = Buffer.from(authority.pems.caKey.split('\n').slice(1, -2).join(''), 'base64');
    const curve = { name: 'ECDSA', namedCurve: 'P-256' };
    const middle = await x509.X509CertificateGenerator.create({
      subject: 'CN=Middle, O=Example',
      issuer: new x509.X509Certificate(authority.rootPem).subjectName,
      notBefore: new Date(now.getTime() - 60_000),
      notAfter: new Date(now.getTime() + 3_600_000),
      publicKey: keys.publicKey,
      signingKey: await crypto.subtle.importKey('pkcs8', rootKey, curve, false, ['sign']),
      signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.SubjectKeyIdentifierExtension('0102030405060708'),
      ],
    });
    const pkcs8 = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
    const caKey = `-----BEGIN PRIVATE KEY-----\n${pkcs8}\n-----END PRIVATE KEY-----\n`;
    return { rootCert: authority.rootPem, caCert: `${middle.toString('pem')}\n`, caKey };
  }
});
