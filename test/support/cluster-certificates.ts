// The certificates of a cluster for tests: a CA, the API server's and those of its clients.

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
  /** The key of `ca`, PEM. */
  readonly key: string;
  /** The API server takes the common name as the user, and the organizations as the groups. */
  issue(subject: {
    readonly user: string;
    readonly groups?: readonly string[];
    readonly addresses?: readonly string[];
    readonly names?: readonly string[];
  }): Promise<CertificateAndKey>;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** Makes a CA; it and its leaves are good for a day, or for more. */
export async function createClusterAuthority(days = 1): Promise<ClusterAuthority> {
  const keys = await createKeys();
  const authority = await X509CertificateGenerator.createSelfSigned(
    {
      ...common(days),
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
    key: await exportKey(keys),
    issue: async ({ user, groups = [], addresses = [], names = [] }) => {
      const leafKeys = await createKeys();
      const alternatives = [
        ...addresses.map((value) => ({ type: 'ip' as const, value })),
        ...names.map((value) => ({ type: 'dns' as const, value })),
      ];
      const leaf = await X509CertificateGenerator.create(
        {
          ...common(days),
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
      return { cert: leaf.toString('pem'), key: await exportKey(leafKeys) };
    },
  };
}

/** The kubeconfig of one client of the API server at `server`. */
export function formatKubeconfig(server: string, { ca }: ClusterAuthority, { cert, key }: CertificateAndKey): string {
  const encode = (text: string): string => Buffer.from(text).toString('base64');
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server, 'certificate-authority-data': encode(ca) } }],
    users: [{ name: 'client', user: { 'client-certificate-data': encode(cert), 'client-key-data': encode(key) } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'client' } }],
    'current-context': 'test',
  });
}

function common(days: number): {
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
    notAfter: new Date(now + days * 86_400_000),
    signingAlgorithm: algorithm,
  };
}

async function exportKey({ privateKey }: webcrypto.CryptoKeyPair): Promise<string> {
  return PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', privateKey), 'PRIVATE KEY');
}

function createKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
}
