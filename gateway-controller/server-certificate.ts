// The control plane's own certificate: issued by its own authority, renewed at half of its life, and taken up by servers that are
// already listening.

import assert from 'node:assert/strict';
import { experimental } from '@grpc/grpc-js';
import type { ServerCredentials } from '@grpc/grpc-js';
import { Alarm, createPrivateKey, formatPrivateKey } from '../certificates/index.ts';
import type { Authority } from '../certificates/index.ts';

const ttlSeconds = 24 * 60 * 60;
/** After a renewal that failed. */
const retryMs = 60_000;

type CaListener = experimental.CaCertificateUpdateListener;
type IdentityListener = experimental.IdentityCertificateUpdateListener;

/** What the certificate says, and who signs it. */
export interface ServerCertificateOptions {
  readonly authority: Pick<Authority, 'issue' | 'rootPem'>;
  /** The identity that proxies expect of their control plane. */
  readonly identity: string;
  /** The names that agents and the API server expect. */
  readonly dnsNames: readonly string[];
  /** Told when a renewal failed; the next try follows. */
  readonly onError: (error: unknown) => void;
}

/** A certificate that keeps itself fresh. */
export class ServerCertificate implements experimental.CertificateProvider {
  readonly #options: ServerCertificateOptions;
  readonly #caListeners = new Set<CaListener>();
  readonly #identityListeners = new Set<IdentityListener>();
  #current: experimental.IdentityCertificateUpdate | null = null;
  readonly #renewal = new Alarm();
  #isStopped = false;

  constructor(options: ServerCertificateOptions) {
    this.#options = options;
  }

  /** The identity that proxies expect of their control plane. */
  get identity(): string {
    return this.#options.identity;
  }

  /** The certificate as it is now; to be asked for after `start`. */
  current(): { readonly certificate: Buffer; readonly privateKey: Buffer } {
    assert(this.#current !== null, 'the certificate is asked for before it was issued');
    return this.#current;
  }

  /** Calls after each renewal until the returned function is called. */
  onRenew(listener: () => void): () => void {
    this.#identityListeners.add(listener);
    return () => void this.#identityListeners.delete(listener);
  }

  /** Issues the first certificate. */
  async start(): Promise<void> {
    await this.#issue();
  }

  stop(): void {
    this.#isStopped = true;
    this.#renewal.clear();
  }

  /**
   * TLS with this certificate. `clients`: whether callers must show a certificate of the same authority; where it is `asked` for, one
   * that the authority did not issue counts as none.
   */
  credentials({ clients }: { readonly clients: boolean | 'asked' }): ServerCredentials {
    // The library names the first two parameters the wrong way round; one object that is both cannot be mixed up.
    return experimental.createCertificateProviderServerCredentials(
      this,
      clients === false ? null : this,
      clients === true,
    );
  }

  addCaCertificateListener(listener: CaListener): void {
    this.#caListeners.add(listener);
    // Later, since the library forgets what it is told before it has finished asking.
    queueMicrotask(() => listener({ caCertificate: Buffer.from(this.#options.authority.rootPem) }));
  }

  removeCaCertificateListener(listener: CaListener): void {
    this.#caListeners.delete(listener);
  }

  addIdentityCertificateListener(listener: IdentityListener): void {
    this.#identityListeners.add(listener);
    queueMicrotask(() => listener(this.#current));
  }

  removeIdentityCertificateListener(listener: IdentityListener): void {
    this.#identityListeners.delete(listener);
  }

  async #issue(): Promise<void> {
    const key = createPrivateKey();
    const { authority, identity, dnsNames } = this.#options;
    const chain = await authority.issue({
      identity,
      csr: key,
      ttlSeconds,
      dnsNames,
      now: new Date(),
    });
    // The root may be another one since.
    for (const listener of this.#caListeners) listener({ caCertificate: Buffer.from(authority.rootPem) });
    this.#current = {
      certificate: Buffer.from(chain.slice(0, -1).join('')),
      privateKey: Buffer.from(formatPrivateKey(key)),
    };
    for (const listener of this.#identityListeners) listener(this.#current);
    this.#renewIn((ttlSeconds / 2) * 1000);
  }

  #renewIn(delay: number): void {
    if (this.#isStopped) return;
    this.#renewal.set(delay, () => {
      this.#issue().catch((error: unknown) => {
        this.#options.onError(error);
        this.#renewIn(retryMs);
      });
    });
  }
}
