// The state of a run between processes, and how it is written: whole or not at all, for its owner
// only.

import { randomBytes } from 'node:crypto';
import { readFile, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type * as certificates from '../../certificates/index.ts';
import { FileError, isMissing } from './manifest-files.ts';

/** The paths below a state directory; absolute. */
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
  /** When each object that can claim an address or a host was seen first. */
  readonly firstSeen: string;
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
    firstSeen: join(root, 'first-seen.json'),
    lastGood: join(root, 'last-good.json'),
    keys: join(root, 'issuer-keys.json'),
    log: join(root, 'cairn.log'),
  };
}

/** That door loads gRPC, which offline commands do not use. */
async function loadCertificates(): Promise<typeof certificates> {
  return import('../../certificates/index.ts');
}

/**
 * Makes the state directory and writes to it; rejects with its fault, in words for the user who
 * named it.
 */
export async function prepareState({ root }: StatePaths): Promise<void> {
  try {
    await (await loadCertificates()).makeFolder(root);
    const probe = join(root, '.probe');
    await writeState(probe, 'Whether this folder can be written to.\n');
    await rm(probe);
  } catch (error) {
    throw new FileError(`the state folder ${root} cannot be used: ${messageOf(error)}`);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * Writes a file under its name only when it is complete and on disk, mode 0600; its directory is
 * made with mode 0700.
 */
export async function writeState(path: string, text: string): Promise<void> {
  const { makeFolder, syncFolder, writeDurably } = await loadCertificates();
  await makeFolder(dirname(path));
  const temporary = `${path}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    await writeDurably(temporary, text);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(dirname(path));
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

/**
 * The fields of a state file; {} when there is none or it holds something else, since all of it can
 * be made again.
 */
export async function readStateFields(path: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    const value: unknown = JSON.parse((await readState(path)) ?? '{}');
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}

/** Milliseconds before a failed write is retried, at first and at most. */
const firstRetry = 250;
const longestRetry = 10_000;

/**
 * Keeps one state file equal to the newest text that it is given, in the background; unchanged text
 * is not written.
 */
export class StateFile {
  readonly path: string;
  readonly #onChange: (failure: string | undefined) => void;
  #text: string | undefined;
  #written: string | undefined;
  #work: Promise<void> = Promise.resolve();
  #failure: string | undefined;
  #retry: NodeJS.Timeout | undefined;
  #delay = firstRetry;

  /**
   * `onChange` is called with the reason why the newest text could not be written, and with
   * undefined once it is.
   */
  constructor(path: string, onChange: (failure: string | undefined) => void) {
    this.path = path;
    this.#onChange = onChange;
  }

  /** The reason why the newest text is not written; undefined when it is, or no reason is known. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** Writes the text after those that were given before it, and retries until it is written. */
  save(text: string): void {
    if (text === this.#text) return;
    this.#text = text;
    this.#try();
  }

  /** Retries the pending write once; resolves when that is done. */
  async flush(): Promise<void> {
    this.#try();
    await this.#work;
    clearTimeout(this.#retry);
  }

  #try(): void {
    clearTimeout(this.#retry);
    this.#work = this.#work.then(() => this.#write());
  }

  async #write(): Promise<void> {
    const text = this.#text;
    if (text === undefined || text === this.#written) return;
    try {
      await writeState(this.path, text);
      this.#written = text;
      this.#delay = firstRetry;
      this.#report(undefined);
    } catch (error) {
      // Each attempt has another temporary name in its message.
      this.#report(messageOf(error).replace(/\.[0-9a-f]{8}\.tmp/, ''));
      clearTimeout(this.#retry);
      this.#retry = setTimeout(() => this.#try(), this.#delay);
      this.#delay = Math.min(2 * this.#delay, longestRetry);
    }
  }

  #report(failure: string | undefined): void {
    if (failure === this.#failure) return;
    this.#failure = failure;
    this.#onChange(failure);
  }
}
