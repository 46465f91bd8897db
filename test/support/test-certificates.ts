// Certificates for tests, made by Cairn's own authority and written as files.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Authority,
  createAuthority,
  createPrivateKey,
  createRequest,
  formatPrivateKey,
} from '../../certificates/index.ts';

/** Paths of PEM files. */
export interface CertificateFiles {
  readonly chain: string;
  readonly key: string;
  readonly roots: string;
}

/** PEM texts of one identity. */
export interface CertificateTexts {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

/** A key and a certificate for an identity. */
export async function issueTexts(authority: Authority, identity: string): Promise<CertificateTexts> {
  const key = createPrivateKey();
  const chain = await authority.issue({ identity, csr: createRequest(key), now: new Date() });
  return { cert: chain.slice(0, -1).join(''), key: formatPrivateKey(key), ca: authority.rootPem };
}

/**
 * Writes a key and certificate for an identity below `folder`. A new authority unless one is given.
 */
export async function writeTestCertificates(
  folder: string,
  identity = 'spiffe://cluster.local/ns/shop/sa/waypoint',
  authority?: Authority,
): Promise<CertificateFiles> {
  const issuer = authority ?? (await createAuthority({ trustDomain: 'cluster.local', now: new Date() }));
  const { cert, key, ca } = await issueTexts(issuer, identity);
  const files = {
    chain: join(folder, 'cert-chain.pem'),
    key: join(folder, 'key.pem'),
    roots: join(folder, 'root-cert.pem'),
  };
  writeFileSync(files.chain, cert);
  writeFileSync(files.key, key, { mode: 0o600 });
  writeFileSync(files.roots, ca);
  return files;
}
