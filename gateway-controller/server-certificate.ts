// The control plane's own certificate: issued by its own authority, renewed at half of its life, and taken up by servers that are
// already listening.

import { experimental } from '@grpc/grpc-js';
import type { ServerCredentials } from '@grpc/grpc-js';
import { createPrivateKey, formatIdentity, formatPrivateKey } from '../certificates/index.ts';
import type { Authority } from '../certificates/index.ts';
import { controlPlaneAccount, systemNamespace } from './xds-authorization.ts';

/** The DNS name of the control plane, which agents verify. */
export const serverName: string = `${controlPlaneAccount}.${systemNamespace}.svc`;

const ttlSeconds = 24 * 60 * 60;
/** After a renewal that failed. */
const retryMs = 60_000;

type CaListener = experimental.CaCertificateUpdateListener;
type IdentityListener = experimental.IdentityCertificateUpdateListener;

/** A certificate that keeps itself fresh. */
export class ServerCertificate implements experimental.CertificateProvider {
  readonly #authority: Authority;
  readonly #onError: (error: unknown) => void;
  readonly #caListeners = new Set<CaListener>();
  readonly #identityListeners = new Set<IdentityListener>();
  #current: experimental.IdentityCertificateUpdate | null = null;
  #timer: NodeJS.Timeout | undefined;

  constructor(authority: Authority, onError: (error: unknown) => void) {
    this.#authority = authority;
    this.#onError = onError;
  }

  /** The identity that proxies expect of their control plane. */
  get identity(): string {
    const { trustDomain } = this.#authority;
    return formatIdentity({ trustDomain, namespace: systemNamespace, serviceAccount: controlPlaneAccount });
  }

  /** Issues the first certificate. */
  async start(): Promise<void> {
    await this.#issue();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  /** TLS with this certificate; with `clients`, only for callers with a certificate of the same authority. */
  credentials({ clients }: { readonly clients: boolean }): ServerCredentials {
    // The library names the first two parameters the wrong way round; one object that is both cannot be mixed up.
    return experimental.createCertificateProviderServerCredentials(this, clients ? this : null, clients);
  }

  addCaCertificateListener(listener: CaListener): void {
    this.#caListeners.add(listener);
    // Later, since the library forgets what it is told before it has finished asking.
    queueMicrotask(() => listener({ caCertificate: Buffer.from(this.#authority.rootPem) }));
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
    const chain = await this.#authority.issue({
      identity: this.identity,
      csr: key,
      ttlSeconds,
      dnsNames: [serverName],
      now: new Date(),
    });
    this.#current = {
      certificate: Buffer.from(chain.slice(0, -1).join('')),
      privateKey: Buffer.from(formatPrivateKey(key)),
    };
    for (const listener of this.#identityListeners) listener(this.#current);
    this.#renewIn((ttlSeconds / 2) * 1000);
  }

  #renewIn(delay: number): void {
    this.#timer = setTimeout(() => {
      this.#issue().catch((error: unknown) => {
        this.#onError(error);
        this.#renewIn(retryMs);
      });
    }, delay);
    this.#timer.unref();
  }
}
