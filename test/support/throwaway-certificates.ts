// Certificate authorities that live as long as a test: for the certificates that a waypoint must
// refuse (another CA, another trust domain, expired), and for tests that run without Cairn's own
// CA.

import 'reflect-metadata';
import { randomBytes, webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';

/** A certificate with its key and the CA that signed it, all PEM, for `connectHbone` and `tls`. */
export interface IssuedCertificate {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

/** A CA that signs everything that it is told to. */
export interface ThrowawayAuthority {
  /** The CA's own certificate, PEM. */
  readonly ca: string;
  /**
   * A P-256 leaf for client and server with one critical name: a URI such as
   * `spiffe://cluster.local/ns/default/sa/sleep`, or a DNS name.
   */
  readonly issue: (identity: string, validity?: CertificateValidity) => Promise<IssuedCertificate>;
}

/** By default from a minute ago to an hour from now. */
export interface CertificateValidity {
  readonly notBefore?: Date;
  readonly notAfter?: Date;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** Makes a CA with a new key; `name` is its common name. */
export async function createAuthority(name: string): Promise<ThrowawayAuthority> {
  const keys = await createKeys();
  const authority = await X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: createSerialNumber(),
      name: `CN=${name}`,
      ...resolveValidity(),
      keys,
      signingAlgorithm: algorithm,
      extensions: [
        new BasicConstraintsExtension(true, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      ],
    },
    webcrypto,
  );
  const ca = authority.toString('pem');
  return {
    ca,
    issue: async (identity, validity) => {
      const leafKeys = await createKeys();
      const leaf = await X509CertificateGenerator.create(
        {
          serialNumber: createSerialNumber(),
          subject: '',
          issuer: authority.subject,
          ...resolveValidity(validity),
          publicKey: leafKeys.publicKey,
          signingKey: keys.privateKey,
          signingAlgorithm: algorithm,
          extensions: [
            new BasicConstraintsExtension(false, undefined, true),
            new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
            new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
            new SubjectAlternativeNameExtension(
              [{ type: identity.includes('://') ? 'url' : 'dns', value: identity }],
              true,
            ),
          ],
        },
        webcrypto,
      );
      const key = PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', leafKeys.privateKey), 'PRIVATE KEY');
      return { cert: leaf.toString('pem'), key, ca };
    },
  };
}

function createKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
}

// A first byte under 128 and over 0 keeps the number positive and without leading zeros.
function createSerialNumber(): string {
  return `4${randomBytes(16).toString('hex').slice(1)}`;
}

function resolveValidity(validity: CertificateValidity = {}): { notBefore: Date; notAfter: Date } {
  const { notBefore = new Date(Date.now() - 60_000), notAfter = new Date(Date.now() + 3_600_000) } = validity;
  return { notBefore, notAfter };
}
