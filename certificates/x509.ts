// The only file that uses the X.509 library: it signs certificates and checks requests. It is
// loaded on demand, because it costs 15 MB and only the control plane needs it. `reflect-metadata`
// must be evaluated before the library.

import 'reflect-metadata';
import { createPublicKey, randomBytes, webcrypto, type KeyObject } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { CertificateError } from './error.ts';

/** Names in a leaf; `uri` is the SPIFFE identity. */
export interface LeafNames {
  readonly uri: string;
  readonly dns: readonly string[];
  readonly ip: readonly string[];
}

/** Whole seconds are kept, as in the encoding. */
export interface Validity {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** The certificate and key that sign; PEM and private key. */
export interface Issuer {
  readonly certificate: string;
  readonly key: KeyObject;
}

/** A positive number of 127 bits: unique without a counter, and no leading zero byte. */
function createSerial(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes.toString('hex');
}

// DER bit strings of RFC 5280 §4.2.1.3.
const certSignAndCrlSign = [0x03, 0x02, 0x01, 0x06];
const signatureAndEncipherment = [0x03, 0x02, 0x05, 0xa0];

function keyUsage(bits: readonly number[]): x509.Extension {
  return new x509.Extension('2.5.29.15', true, Buffer.from(bits));
}

/** ECDSA and RSA keys take the hash that fits them; P-384 keys sign with SHA-384. */
async function importSigner(key: KeyObject): Promise<webcrypto.CryptoKey> {
  const pkcs8 = key.export({ type: 'pkcs8', format: 'der' });
  const curve = key.asymmetricKeyDetails?.namedCurve;
  const algorithm =
    key.asymmetricKeyType === 'rsa'
      ? { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }
      : { name: 'ECDSA', namedCurve: curve === 'secp384r1' ? 'P-384' : 'P-256' };
  return webcrypto.subtle.importKey('pkcs8', pkcs8, algorithm, false, ['sign']);
}

function signingAlgorithm(key: KeyObject): { name: string; hash: string } {
  if (key.asymmetricKeyType === 'rsa') return { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
  return { name: 'ECDSA', hash: key.asymmetricKeyDetails?.namedCurve === 'secp384r1' ? 'SHA-384' : 'SHA-256' };
}

/** A self-signed certificate of an authority, as PEM. */
export async function signRoot(key: KeyObject, organization: string, validity: Validity): Promise<string> {
  const publicKey = createPublicKey(key).export({ type: 'spki', format: 'der' });
  const name = new x509.Name([{ O: [organization] }, { CN: ['Cairn root certificate authority'] }]);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: createSerial(),
    subject: name,
    issuer: name,
    ...validity,
    publicKey,
    signingKey: await importSigner(key),
    signingAlgorithm: signingAlgorithm(key),
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      keyUsage(certSignAndCrlSign),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
    ],
  });
  return `${certificate.toString('pem')}\n`;
}

/**
 * A certificate of a workload, as PEM: no subject, the names critical (SPIFFE X.509-SVID §2, RFC
 * 5280 §4.1.2.6).
 */
export async function signLeaf(
  issuer: Issuer,
  publicKey: KeyObject,
  names: LeafNames,
  validity: Validity,
): Promise<string> {
  const authority = new x509.X509Certificate(issuer.certificate);
  const keyId = authority.getExtension(x509.SubjectKeyIdentifierExtension)?.keyId;
  const alternatives = [
    { type: 'url' as const, value: names.uri },
    ...names.dns.map((value) => ({ type: 'dns' as const, value })),
    ...names.ip.map((value) => ({ type: 'ip' as const, value })),
  ];
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: createSerial(),
    issuer: authority.subjectName,
    ...validity,
    publicKey: publicKey.export({ type: 'spki', format: 'der' }),
    signingKey: await importSigner(issuer.key),
    signingAlgorithm: signingAlgorithm(issuer.key),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      keyUsage(signatureAndEncipherment),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
      new x509.SubjectAlternativeNameExtension(alternatives, true),
      // The authority's own identifier, not one computed here: an authority that was supplied may
      // have used another method.
      ...(keyId === undefined ? [] : [new x509.AuthorityKeyIdentifierExtension(keyId)]),
    ],
  });
  return `${certificate.toString('pem')}\n`;
}

const strongHashes = new Set(['SHA-256', 'SHA-384', 'SHA-512']);

/**
 * The public key of a PEM request whose signature proves possession of the private key; throws
 * `RequestInvalid`.
 */
export async function verifyRequest(pem: string): Promise<KeyObject> {
  let verified: boolean;
  let request: x509.Pkcs10CertificateRequest;
  try {
    request = new x509.Pkcs10CertificateRequest(pem);
    // PSS parameters carry their hash elsewhere; the algorithms that proxies use name it here.
    if (!strongHashes.has(request.signatureAlgorithm.hash.name)) {
      throw new CertificateError('RequestInvalid', 'the request is signed with a weak hash');
    }
    verified = await request.verify();
  } catch (cause) {
    if (cause instanceof CertificateError) throw cause;
    throw new CertificateError('RequestInvalid', 'not a certificate signing request in PEM', cause);
  }
  if (!verified) throw new CertificateError('RequestInvalid', 'the signature of the request does not fit its key');
  return createPublicKey({ key: Buffer.from(request.publicKey.rawData), format: 'der', type: 'spki' });
}
