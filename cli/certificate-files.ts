// A certificate as the files that Istio's tools write and read: cert-chain.pem, key.pem and
// root-cert.pem in one directory.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  createAuthority,
  createPrivateKey,
  createRequest,
  formatPrivateKey,
  makeFolder,
} from '../certificates/index.ts';
import type { Authority } from '../certificates/index.ts';

/** The names of the files. */
export const certificateFiles = { chain: 'cert-chain.pem', key: 'key.pem', root: 'root-cert.pem' } as const;

/**
 * Issues a certificate for an identity and writes it, readable by its owner only. `ttlSeconds` 0 is
 * the authority's default.
 */
export async function writeCertificate(
  directory: string,
  {
    authority,
    identity,
    ttlSeconds,
  }: { readonly authority: Authority; readonly identity: string; readonly ttlSeconds: number },
): Promise<void> {
  const key = createPrivateKey();
  const chain = await authority.issue({ identity, csr: createRequest(key), ttlSeconds, now: new Date() });
  await makeFolder(directory);
  const files = {
    [certificateFiles.chain]: chain.slice(0, -1).join(''),
    [certificateFiles.key]: formatPrivateKey(key),
    [certificateFiles.root]: authority.rootPem,
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text, { mode: 0o600 });
}

/** A certificate of a temporary authority. */
export async function writeThrowawayCertificate(
  directory: string,
  identity: string,
  trustDomain: string,
): Promise<void> {
  const authority = await createAuthority({ trustDomain, now: new Date() });
  await writeCertificate(directory, { authority, identity, ttlSeconds: 0 });
}
