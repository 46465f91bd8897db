// What a run keeps between its lives, and how it is written: whole or not at all, for its owner only.

import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { isMissing } from './manifest-files.ts';

/** Where things are below a state directory; absolute paths. */
export interface StatePaths {
  readonly root: string;
  /** root-cert.pem, ca-cert.pem, ca-key.pem. */
  readonly authority: string;
  readonly rootCertificate: string;
  /** The key that signs tokens. */
  readonly tokenKey: string;
  readonly tokens: string;
  /** A directory for each proxy. */
  readonly proxies: string;
  /** The block of addresses and the process that has it. */
  readonly run: string;
  readonly addresses: string;
  /** Objects that are in force although their files are broken. */
  readonly lastGood: string;
  /** Keys of issuers as they were last fetched. */
  readonly keys: string;
  /** The log of the control plane. */
  readonly log: string;
}

/** The paths of a state directory; nothing is read or made. */
export function statePaths(directory: string): StatePaths {
  const root = resolve(directory);
  const authority = join(root, 'ca');
  return {
    root,
    authority,
    rootCertificate: join(authority, 'root-cert.pem'),
    tokenKey: join(root, 'token-key.pem'),
    tokens: join(root, 'tokens'),
    proxies: join(root, 'proxies'),
    run: join(root, 'run.json'),
    addresses: join(root, 'addresses.json'),
    lastGood: join(root, 'last-good.json'),
    keys: join(root, 'issuer-keys.json'),
    log: join(root, 'cairn.log'),
  };
}

/** Writes a file under its name only when it is complete, mode 0600; its directory is made with mode 0700. */
export async function writeState(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    await writeFile(temporary, text, { mode: 0o600, flag: 'wx' });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** The text of a state file; undefined when there is none. */
export async function readState(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** The fields of a state file; {} when there is none or it holds something else, since all of it can be made again. */
export async function readStateFields(path: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    const value: unknown = JSON.parse((await readState(path)) ?? '{}');
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}

/** Keeps one state file equal to the newest text that it is given, in the background; unchanged text is not written. */
export class StateFile {
  readonly #path: string;
  readonly #onError: (error: unknown) => void;
  #text: string | undefined;
  #work: Promise<void> = Promise.resolve();

  constructor(path: string, onError: (error: unknown) => void) {
    this.#path = path;
    this.#onError = onError;
  }

  /** Writes the text after those that were given before it. */
  save(text: string): void {
    if (text === this.#text) return;
    this.#text = text;
    this.#work = this.#work
      .then(() => (text === this.#text ? writeState(this.#path, text) : undefined))
      .catch(this.#onError);
  }

  /** Resolves when everything is written. */
  async flush(): Promise<void> {
    await this.#work;
  }
}
