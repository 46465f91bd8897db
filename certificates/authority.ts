// The certificate authority of the mesh: a signing certificate and key with their chain to the
// roots. It decides the contents of a certificate. The identity comes from the authentication of
// the caller, never from the request.

import { createPrivateKey as readPrivateKey, createPublicKey, X509Certificate, type KeyObject } from 'node:crypto';
import { CertificateError } from './error.ts';
import { isTrustDomain, parseIdentity } from '../mesh/identity.ts';
import { splitPem } from './pem.ts';
import { createPrivateKey, formatPrivateKey } from './request.ts';

const day = 24 * 60 * 60;
/** The default life of a certificate, in seconds. */
export const defaultTtlSeconds: number = day;
/** The longest life that can be asked for, in seconds. */
export const maximumTtlSeconds: number = 90 * day;
/** The clocks of callers may be behind by this much. */
const backdateSeconds = 120;
const rootTtlSeconds = 3650 * day;

/** The three PEM texts that make an authority, named as their files. */
export interface AuthorityPems {
  /** The certificates that everyone trusts. */
  readonly rootCert: string;
  /** The signing certificate, then its issuers up to a root (which may be left out). */
  readonly caCert: string;
  readonly caKey: string;
}

/** One certificate to issue. */
export interface IssueInput {
  /** `spiffe://…` in the authority's trust domain. */
  readonly identity: string;
  /**
   * A PEM request, whose signature is checked, or a public key that is known to be the subject's.
   */
  readonly csr: string | KeyObject;
  /** 0 or absent: 24 hours. */
  readonly ttlSeconds?: number;
  readonly now: Date;
  /** Only for the control plane's own server certificate. */
  readonly dnsNames?: readonly string[];
  /** Only for the control plane's own server certificate. */
  readonly ipAddresses?: readonly string[];
}

/** Issues certificates of one trust domain. */
export interface Authority {
  readonly trustDomain: string;
  /** The PEM bundle that a client of this mesh trusts. */
  readonly rootPem: string;
  readonly pems: AuthorityPems;
  /**
   * PEM certificates: the leaf, its issuers one by one, last the root bundle (several certificates
   * in one text, as Istio sends it). Throws CertificateError.
   */
  issue(input: IssueInput): Promise<string[]>;
}

/** Makes a new self-signed authority; nothing is written. The root lives ten years. */
export async function createAuthority(input: { readonly trustDomain: string; readonly now: Date }): Promise<Authority> {
  if (!isTrustDomain(input.trustDomain)) {
    throw new CertificateError('IdentityInvalid', `not a trust domain: ${input.trustDomain}`);
  }
  const { signRoot } = await import('./x509.ts');
  const key = createPrivateKey();
  const now = input.now.getTime();
  const rootCert = await signRoot(key, input.trustDomain, {
    notBefore: new Date(now - backdateSeconds * 1000),
    notAfter: new Date(now + rootTtlSeconds * 1000),
  });
  return openAuthority({ ...input, pems: { rootCert, caCert: rootCert, caKey: formatPrivateKey(key) } });
}

/**
 * Takes an authority from its PEM texts after checking that key, chain and validity fit; throws
 * CertificateError that names the file.
 */
export function openAuthority(input: {
  readonly trustDomain: string;
  readonly now: Date;
  readonly pems: AuthorityPems;
}): Authority {
  const { trustDomain, pems } = input;
  const roots = parseCertificates('root-cert.pem', pems.rootCert);
  const chain = parseCertificates('ca-cert.pem', pems.caCert);
  const key = parseKey(pems.caKey);
  const signer = chain[0];
  if (signer === undefined || !signer.checkPrivateKey(key)) {
    throw new CertificateError('KeyMismatch', 'ca-key.pem is not the key of the first certificate in ca-cert.pem');
  }
  const path = verifyPath(chain, roots);
  for (const certificate of path) checkValidity(certificate, input.now);
  const notAfter = Math.min(...path.map((certificate) => Date.parse(certificate.validTo)));
  const notBefore = Math.max(...path.map((certificate) => Date.parse(certificate.validFrom)));
  const rootFingerprints = new Set(roots.map((root) => root.fingerprint256));
  const intermediates = chain.filter((certificate) => !rootFingerprints.has(certificate.fingerprint256));
  const rootPem = roots.map(formatCertificate).join('');
  const issuer = { certificate: formatCertificate(signer), key };

  async function issue(request: IssueInput): Promise<string[]> {
    const { identity, now, csr } = request;
    if (parseIdentity(identity)?.trustDomain !== trustDomain) {
      throw new CertificateError('IdentityInvalid', `not an identity of the trust domain ${trustDomain}: ${identity}`);
    }
    const validity = leafValidity(request.ttlSeconds ?? 0, now.getTime(), notBefore, notAfter);
    const { signLeaf, verifyRequest } = await import('./x509.ts');
    const publicKey = typeof csr === 'string' ? await verifyRequest(csr) : createPublicKeyOf(csr);
    checkKeyStrength(publicKey, 'RequestInvalid', 'the key of the request');
    const names = { uri: identity, dns: request.dnsNames ?? [], ip: request.ipAddresses ?? [] };
    const leaf = await signLeaf(issuer, publicKey, names, validity);
    return [leaf, ...intermediates.map(formatCertificate), rootPem];
  }

  return { trustDomain, rootPem, pems, issue };
}

function leafValidity(
  ttlSeconds: number,
  now: number,
  notBefore: number,
  notAfter: number,
): { notBefore: Date; notAfter: Date } {
  if (!Number.isFinite(ttlSeconds) || ttlSeconds > maximumTtlSeconds) {
    throw new CertificateError('TtlInvalid', `a certificate lives at most ${maximumTtlSeconds} s, not ${ttlSeconds} s`);
  }
  if (now >= notAfter) {
    throw new CertificateError(
      'AuthorityExpired',
      `the authority's certificate expired at ${new Date(notAfter).toISOString()}`,
    );
  }
  const ttl = ttlSeconds <= 0 ? defaultTtlSeconds : ttlSeconds;
  return {
    notBefore: new Date(Math.max(now - backdateSeconds * 1000, notBefore)),
    notAfter: new Date(Math.min(now + ttl * 1000, notAfter)),
  };
}

function formatCertificate(certificate: X509Certificate): string {
  return certificate.toString();
}

function createPublicKeyOf(key: KeyObject): KeyObject {
  return key.type === 'private' ? createPublicKey(key) : key;
}

function parseCertificates(file: string, text: string): X509Certificate[] {
  let certificates: X509Certificate[];
  try {
    certificates = splitPem(text).map((pem) => new X509Certificate(pem));
  } catch (cause) {
    throw new CertificateError('AuthorityInvalid', `${file} holds a certificate that cannot be read`, cause);
  }
  if (certificates.length === 0) throw new CertificateError('AuthorityInvalid', `${file} holds no certificate in PEM`);
  for (const certificate of certificates) {
    if (!certificate.ca) {
      throw new CertificateError(
        'AuthorityInvalid',
        `${file}: ${describe(certificate)} is not a CA certificate (CA:TRUE is missing)`,
      );
    }
  }
  return certificates;
}

function parseKey(pem: string): KeyObject {
  let key: KeyObject;
  try {
    key = readPrivateKey(pem);
  } catch (cause) {
    throw new CertificateError('AuthorityInvalid', 'ca-key.pem is not an unencrypted private key in PEM', cause);
  }
  checkKeyStrength(key, 'AuthorityInvalid', 'ca-key.pem');
  return key;
}

/** EC P-256 or P-384, or RSA of 2048 bits and more: what Envoy and Node both verify. */
function checkKeyStrength(key: KeyObject, code: 'AuthorityInvalid' | 'RequestInvalid', what: string): void {
  const details = key.asymmetricKeyDetails;
  const curve = details?.namedCurve;
  if (key.asymmetricKeyType === 'ec' && (curve === 'prime256v1' || curve === 'secp384r1')) return;
  const bits = details?.modulusLength ?? 0;
  if (key.asymmetricKeyType === 'rsa' && bits >= 2048 && bits <= 8192) return;
  throw new CertificateError(code, `${what} must be EC P-256, EC P-384 or RSA of 2048 to 8192 bits`);
}

/** The certificates from the signer to a root, each verified by the next one. */
function verifyPath(chain: readonly X509Certificate[], roots: readonly X509Certificate[]): X509Certificate[] {
  const path: X509Certificate[] = [];
  for (const [index, certificate] of chain.entries()) {
    path.push(certificate);
    const root = roots.find((candidate) => isIssuedBy(certificate, candidate));
    if (root !== undefined) return root.fingerprint256 === certificate.fingerprint256 ? path : [...path, root];
    const next = chain[index + 1];
    if (next === undefined || !isIssuedBy(certificate, next)) {
      const message = `ca-cert.pem: ${describe(certificate)} was not issued by the next certificate in the file, nor by one in root-cert.pem`;
      throw new CertificateError('AuthorityInvalid', message);
    }
  }
  throw new CertificateError('AuthorityInvalid', 'ca-cert.pem does not lead to a certificate in root-cert.pem');
}

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

function checkValidity(certificate: X509Certificate, now: Date): void {
  if (Date.parse(certificate.validTo) <= now.getTime()) {
    throw new CertificateError('AuthorityExpired', `${describe(certificate)} expired at ${certificate.validTo}`);
  }
  if (Date.parse(certificate.validFrom) > now.getTime()) {
    throw new CertificateError(
      'AuthorityInvalid',
      `${describe(certificate)} is valid only from ${certificate.validFrom}`,
    );
  }
}

/** A certificate without a subject has none here either, whatever the type says. */
function describe(certificate: X509Certificate): string {
  const name = certificate.subject || certificate.subjectAltName || certificate.serialNumber;
  return `the certificate "${name.replaceAll('\n', ', ')}"`;
}
