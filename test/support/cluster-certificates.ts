// The certificates of a test's API server: a CA, what the server shows, and what its clients are by.

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

/** A certificate and its key, PEM. */
export interface CertificateAndKey {
  readonly cert: string;
  readonly key: string;
}

/** A CA whose leaves serve and authenticate. */
export interface ClusterAuthority {
  /** PEM. */
  readonly ca: string;
  /** The API server takes the common name as the user, and the organizations as the groups. */
  issue(subject: {
    readonly user: string;
    readonly groups?: readonly string[];
    readonly addresses?: readonly string[];
    readonly names?: readonly string[];
  }): Promise<CertificateAndKey>;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** Makes a CA that is good for a day. */
export async function createClusterAuthority(): Promise<ClusterAuthority> {
  const keys = await createKeys();
  const authority = await X509CertificateGenerator.createSelfSigned(
    {
      ...common(),
      name: 'CN=test cluster',
      keys,
      extensions: [
        new BasicConstraintsExtension(true, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      ],
    },
    webcrypto,
  );
  return {
    ca: authority.toString('pem'),
    issue: async ({ user, groups = [], addresses = [], names = [] }) => {
      const leafKeys = await createKeys();
      const alternatives = [
        ...addresses.map((value) => ({ type: 'ip' as const, value })),
        ...names.map((value) => ({ type: 'dns' as const, value })),
      ];
      const leaf = await X509CertificateGenerator.create(
        {
          ...common(),
          subject: [...groups.map((group) => ({ O: [group] })), { CN: [user] }],
          issuer: authority.subject,
          publicKey: leafKeys.publicKey,
          signingKey: keys.privateKey,
          extensions: [
            new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
            new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
            ...(alternatives.length === 0 ? [] : [new SubjectAlternativeNameExtension(alternatives)]),
          ],
        },
        webcrypto,
      );
      const key = PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', leafKeys.privateKey), 'PRIVATE KEY');
      return { cert: leaf.toString('pem'), key };
    },
  };
}

function common(): {
  readonly serialNumber: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly signingAlgorithm: typeof algorithm;
} {
  const now = Date.now();
  // A leading zero bit keeps the number positive.
  const serialNumber = `01${randomBytes(15).toString('hex')}`;
  return {
    serialNumber,
    notBefore: new Date(now - 60_000),
    notAfter: new Date(now + 86_400_000),
    signingAlgorithm: algorithm,
  };
}

function createKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
}
