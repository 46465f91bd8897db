// The authority's files: root-cert.pem, ca-cert.pem and ca-key.pem in one directory, created once
// by us or put there by the user. All three appear at once (a directory is renamed into place), so
// that two processes that start together agree.

import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createAuthority, openAuthority, type Authority, type AuthorityPems } from './authority.ts';
import { CertificateError } from './error.ts';
import { makeFolder, syncFolder, writeDurably } from './folder.ts';

const files = { rootCert: 'root-cert.pem', caCert: 'ca-cert.pem', caKey: 'ca-key.pem' } as const;

/**
 * Opens the authority in `directory`, making a new one when there is none. Throws CertificateError
 * that names the file and what to do.
 */
export async function loadOrCreateAuthority(
  directory: string,
  input: { readonly trustDomain: string; readonly now: Date },
): Promise<Authority> {
  const found = await loadAuthority(directory, input);
  if (found !== undefined) return found;
  const created = await createAuthority(input);
  if (await placeAuthority(directory, created.pems)) return created;
  const winner = await loadAuthority(directory, input);
  if (winner !== undefined) return winner;
  throw new CertificateError(
    'AuthorityUnreadable',
    `${directory} holds other files; give an empty or absent directory, or put root-cert.pem, ca-cert.pem and ca-key.pem there`,
  );
}

/** Opens the authority in `directory`; undefined when none of its files is there. */
async function loadAuthority(
  directory: string,
  input: { readonly trustDomain: string; readonly now: Date },
): Promise<Authority | undefined> {
  const rootCert = await readOptional(join(directory, files.rootCert));
  const caCert = await readOptional(join(directory, files.caCert));
  const caKey = await readOptional(join(directory, files.caKey));
  const texts = [rootCert, caCert, caKey];
  if (texts.every((text) => text === undefined)) return undefined;
  if (rootCert === undefined || caCert === undefined || caKey === undefined) {
    const missing = Object.values(files).filter((_, index) => texts[index] === undefined);
    throw new CertificateError(
      'AuthorityIncomplete',
      `${directory} lacks ${missing.join(' and ')}; put the missing file there, or remove the directory to have a new authority made`,
    );
  }
  try {
    return openAuthority({ ...input, pems: { rootCert, caCert, caKey } });
  } catch (cause) {
    if (!(cause instanceof CertificateError)) throw cause;
    const advice =
      'correct the files, or remove the directory to have a new authority made (every proxy then needs a new certificate)';
    throw new CertificateError(cause.code, `${directory}: ${cause.message}; ${advice}`, cause);
  }
}

async function readOptional(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    if (hasCode(cause, 'ENOENT')) return undefined;
    throw new CertificateError('AuthorityUnreadable', `${path} cannot be read; check its owner and permissions`, cause);
  }
}

/**
 * False when another process was first (or the directory holds something else). The files are on
 * disk before they get their names, and their names before this returns: an authority that is lost
 * in a power cut would already have issued certificates.
 */
async function placeAuthority(directory: string, pems: AuthorityPems): Promise<boolean> {
  const staging = join(dirname(directory), `.ca-${randomBytes(6).toString('hex')}`);
  try {
    await makeFolder(dirname(directory));
    await mkdir(staging, { mode: 0o700 });
    await writeDurably(join(staging, files.rootCert), pems.rootCert);
    await writeDurably(join(staging, files.caCert), pems.caCert);
    await writeDurably(join(staging, files.caKey), pems.caKey);
    await syncFolder(staging);
    await rename(staging, directory);
    await syncFolder(dirname(directory));
    return true;
  } catch (cause) {
    await rm(staging, { recursive: true, force: true });
    if (hasCode(cause, 'ENOTEMPTY') || hasCode(cause, 'EEXIST')) return false;
    throw new CertificateError(
      'AuthorityUnreadable',
      `the authority cannot be written to ${directory}; check the parent's owner and permissions`,
      cause,
    );
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
