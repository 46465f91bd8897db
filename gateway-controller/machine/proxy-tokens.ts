// The tokens by which agents authenticate: short-lived, in files that only their owner can read,
// written again before they expire.

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Alarm, createTokenSigner } from '../../certificates/index.ts';
import type { TokenSigner, TokenSubject } from '../../certificates/index.ts';
import { readState, writeState } from './state.ts';
import type { StatePaths } from './state.ts';

const ttlSeconds = 60 * 60;
const renewalMs = 20 * 60 * 1000;

/**
 * Reads the key that signs tokens from the state, or makes one; a new key would lock out agents
 * that go on from an earlier process.
 */
export async function loadTokenSigner(paths: StatePaths): Promise<TokenSigner> {
  const keyPem = await readState(paths.tokenKey);
  const signer = createTokenSigner(keyPem);
  if (keyPem === undefined) await writeState(paths.tokenKey, signer.keyPem);
  return signer;
}

/** The token files of a run. */
export class ProxyTokens {
  readonly #signer: TokenSigner;
  readonly #paths: StatePaths;
  readonly #onError: (error: unknown) => void;
  readonly #subjects = new Map<string, TokenSubject>();
  readonly #renewal = new Alarm();

  constructor(signer: TokenSigner, paths: StatePaths, onError: (error: unknown) => void) {
    this.#signer = signer;
    this.#paths = paths;
    this.#onError = onError;
  }

  start(): void {
    this.#renewal.set(renewalMs, () => {
      for (const [name, subject] of this.#subjects) this.#write(name, subject).catch(this.#onError);
      this.start();
    });
  }

  stop(): void {
    this.#renewal.clear();
  }

  /** Writes the token of a proxy and keeps it fresh; returns the path. */
  async provide(name: string, subject: TokenSubject): Promise<string> {
    this.#subjects.set(name, subject);
    await this.#write(name, subject);
    return this.#path(name);
  }

  /** Removes a token; one that was signed stays valid until it expires. */
  async remove(name: string): Promise<void> {
    this.#subjects.delete(name);
    await rm(this.#path(name), { force: true });
  }

  #path(name: string): string {
    return join(this.#paths.tokens, `${name}.jwt`);
  }

  async #write(name: string, subject: TokenSubject): Promise<void> {
    await writeState(this.#path(name), `${this.#signer.signToken(subject, ttlSeconds, new Date())}\n`);
  }
}
