// Keeps certificates fresh. A source makes a key and a request, has it signed, and hands the result
// on; it does so again at half of the certificate's life. A failure changes nothing: the
// certificate in use stays until a newer one is there.

import { X509Certificate } from 'node:crypto';
import {
  CertificateError,
  createPrivateKey,
  createRequest,
  formatPrivateKey,
  isOver,
  longestWaitMs,
} from '../certificates/index.ts';
import type { Log } from './error.ts';

/** Time as an argument, so that tests need not wait. */
export interface Clock {
  now(): Date;
  /** Resolves after `ms`; rejects when the signal aborts. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
}

/** A certificate with its key, as Envoy takes them. */
export interface IssuedCertificate {
  /** PEM: the leaf and its issuers, without the root. */
  readonly chainPem: string;
  readonly keyPem: string;
  /** PEM bundle. */
  readonly rootPem: string;
  readonly notAfter: Date;
}

/** The parts that a source needs. */
export interface CertificateSourceOptions {
  /**
   * Has a PEM request signed for one identity. Resolves to PEM certificates, leaf first, roots
   * last.
   */
  readonly request: (identity: string, csrPem: string) => Promise<readonly string[]>;
  /** Called with each new certificate. */
  readonly publish: (identity: string, certificate: IssuedCertificate) => void;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly log: Log;
}

const firstRetryMs = 250;
const longestRetryMs = 30_000;

/** Certificates of any number of identities, each renewed by a loop of its own. */
export class CertificateSource {
  readonly #options: CertificateSourceOptions;
  readonly #loops = new Map<string, { readonly abort: AbortController; readonly done: Promise<void> }>();

  constructor(options: CertificateSourceOptions) {
    this.#options = options;
  }

  /** Makes sure that this identity has a certificate from now on. */
  start(identity: string): void {
    if (this.#loops.has(identity)) return;
    const abort = new AbortController();
    this.#loops.set(identity, { abort, done: this.#keep(identity, abort.signal) });
  }

  /** Stops renewing one identity, or all of them. */
  async stop(identity?: string): Promise<void> {
    const identities = identity === undefined ? [...this.#loops.keys()] : [identity];
    const loops = identities.map((name) => this.#loops.get(name)).filter((loop) => loop !== undefined);
    for (const name of identities) this.#loops.delete(name);
    for (const loop of loops) loop.abort.abort();
    await Promise.all(loops.map(({ done }) => done));
  }

  async #keep(identity: string, signal: AbortSignal): Promise<void> {
    const { log, publish } = this.#options;
    let failures = 0;
    while (!signal.aborted) {
      let wait: number;
      try {
        const issued = await this.#obtain(identity);
        if (signal.aborted) return;
        publish(identity, issued);
        failures = 0;
        wait = this.#renewalDelay(issued.notAfter);
        log('info', 'certificate obtained', { identity, notAfter: issued.notAfter.toISOString(), renewInMs: wait });
      } catch (error) {
        failures += 1;
        wait = this.#retryDelay(failures);
        log('warn', 'no certificate yet; will try again', { identity, reason: reasonOf(error), retryInMs: wait });
      }
      if (!(await this.#sleep(wait, signal))) return;
    }
  }

  async #obtain(identity: string): Promise<IssuedCertificate> {
    const key = createPrivateKey();
    const chain = await this.#options.request(identity, createRequest(key));
    const leafPem = chain[0] ?? '';
    const leaf = new X509Certificate(leafPem);
    if (!leaf.checkPrivateKey(key) || leaf.subjectAltName !== `URI:${identity}`) {
      throw new CertificateError(
        'IdentityInvalid',
        `the certificate is for ${leaf.subjectAltName}, or for another key`,
      );
    }
    const notAfter = new Date(leaf.validTo);
    if (notAfter <= this.#options.clock.now()) {
      throw new CertificateError('TtlInvalid', 'the certificate has expired already; check the clocks');
    }
    const chainPem = chain.slice(0, -1).join('');
    return { chainPem, keyPem: formatPrivateKey(key), rootPem: chain.at(-1) ?? '', notAfter };
  }

  /**
   * Half of the remaining life, give or take a tenth, so that proxies that started together do not
   * come back together.
   */
  #renewalDelay(notAfter: Date): number {
    const left = notAfter.getTime() - this.#options.clock.now().getTime();
    return Math.round(left * (0.45 + 0.1 * this.#options.random()));
  }

  #retryDelay(failures: number): number {
    const delay = Math.min(firstRetryMs * 2 ** Math.min(failures - 1, 10), longestRetryMs);
    return Math.round(delay * (0.5 + 0.5 * this.#options.random()));
  }

  /** False when it was ended early. */
  async #sleep(ms: number, signal: AbortSignal): Promise<boolean> {
    const { clock } = this.#options;
    const begin = clock.now().getTime();
    const end = begin + ms;
    try {
      for (let now = begin; !isOver(begin, end, now) && !signal.aborted; now = clock.now().getTime()) {
        await clock.wait(Math.min(end - now, longestWaitMs), signal);
      }
      return !signal.aborted;
    } catch {
      return false;
    }
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
