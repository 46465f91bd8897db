// The control plane's own certificate: issued by its own authority, renewed at half of its life,
// and used at once by servers that are already listening.

import assert from 'node:assert/strict';
import { constants } from 'node:crypto';
import type { SecureContextOptions } from 'node:tls';
import { ServerCredentials } from '@grpc/grpc-js';
import { Alarm, createPrivateKey, formatPrivateKey } from '../../certificates/index.ts';
import type { Authority } from '../../certificates/index.ts';

const ttlSeconds = 24 * 60 * 60;
/** The pause after a failed renewal. */
const retryMs = 60_000;

/** A connection must begin with its handshake; milliseconds. */
const handshakeTimeout = 10_000;

/** The names in the certificate, and its issuer. */
export interface ServerCertificateOptions {
  readonly authority: Pick<Authority, 'issue' | 'rootPem'>;
  /** The identity that proxies expect of their control plane. */
  readonly identity: string;
  /** The names that agents and the API server expect. */
  readonly dnsNames: readonly string[];
  /** Called when a renewal failed; the next attempt follows. */
  readonly onError: (error: unknown) => void;
}

interface KeyPair {
  readonly certificate: Buffer;
  readonly privateKey: Buffer;
}

/** A certificate that keeps itself fresh. */
export class ServerCertificate {
  readonly #options: ServerCertificateOptions;
  readonly #listeners = new Set<() => void>();
  #current: KeyPair | undefined;
  readonly #renewal = new Alarm();
  #isStopped = false;

  constructor(options: ServerCertificateOptions) {
    this.#options = options;
  }

  /** The identity that proxies expect of their control plane. */
  get identity(): string {
    return this.#options.identity;
  }

  /** The current certificate; to be asked for after `start`. */
  current(): KeyPair {
    assert(this.#current !== undefined, 'the certificate is asked for before it was issued');
    return this.#current;
  }

  /** Calls after each renewal until the returned function is called. */
  onRenew(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
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
   * TLS with this certificate, to be asked for after `start`. `clients`: whether callers must show
   * a certificate of the same authority. If it is `asked` for, a certificate of another authority
   * counts as none.
   */
  credentials({ clients }: { readonly clients: boolean | 'asked' }): ServerCredentials {
    const credentials = new RenewedCredentials(clients, this.#context());
    this.#listeners.add(() => credentials.renew(this.#context()));
    return credentials;
  }

  #context(): SecureContextOptions {
    const { certificate, privateKey } = this.current();
    return {
      // The root may have changed since.
      ca: Buffer.from(this.#options.authority.rootPem),
      cert: [certificate],
      key: [privateKey],
      // A resumed session would outlive the client's certificate.
      secureOptions: constants.SSL_OP_NO_TICKET,
    };
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
    this.#current = {
      certificate: Buffer.from(chain.slice(0, -1).join('')),
      privateKey: Buffer.from(formatPrivateKey(key)),
    };
    for (const listener of this.#listeners) listener();
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

/** TLS of a server that goes on listening while its certificate is renewed. */
class RenewedCredentials extends ServerCredentials {
  constructor(clients: boolean | 'asked', context: SecureContextOptions) {
    super({ requestCert: clients !== false, rejectUnauthorized: clients === true, handshakeTimeout }, context);
  }

  renew(context: SecureContextOptions): void {
    this.updateSecureContextOptions(context);
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}
