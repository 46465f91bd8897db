// Serves certificates to Envoy by SDS on a Unix socket. Envoy opens a stream for each secret. The
// server answers a stream only when the secret is there, since an empty answer would let a listener
// start without its certificate.

import { ServerCredentials } from '@grpc/grpc-js';
import { encodeResource, typeUrls, type EncodedResource, type JsonObject } from '../envoy-api/index.ts';
import { SnapshotCache, XdsServer } from '../xds/index.ts';
import type { Log } from './error.ts';

/** The callbacks of a secret server. */
export interface SecretServerOptions {
  /** Called when Envoy begins to ask for a secret that it did not ask for before. */
  readonly onWanted: (name: string) => void;
  /** Called when the last stream that asked for it is gone. */
  readonly onUnwanted: (name: string) => void;
  readonly log: Log;
}

/** Secrets by name, and the streams that wait for them. */
export class SecretServer {
  readonly #options: SecretServerOptions;
  readonly #cache = new SnapshotCache();
  readonly #secrets = new Map<string, EncodedResource>();
  /** Stream → names asked for on it. */
  readonly #wanted = new Map<string, Set<string>>();
  readonly #server: XdsServer;
  #streams = 0;

  constructor(options: SecretServerOptions) {
    this.#options = options;
    this.#server = new XdsServer({
      cache: this.#cache,
      // Only the agent's own user can open the socket.
      authorize: () => ({ key: String((this.#streams += 1)) }),
      onSubscribe: (key, typeUrl, names) => this.#subscribe(key, typeUrl, names),
      onStatusChange: (read, connected) => {
        if (!connected) this.#forget(read().key);
      },
      // Each secret has a stream of its own. Only a refusal in its status matters.
      log: (level, message, fields) => options.log(level === 'info' ? 'debug' : level, `secrets: ${message}`, fields),
    });
  }

  /** Listens on the path, readable by this user only. */
  async start(path: string): Promise<void> {
    await this.#server.start(`unix:${path}`, ServerCredentials.createInsecure());
  }

  async stop(): Promise<void> {
    await this.#server.stop();
  }

  /** Makes a secret available, or replaces it; `json` is a `Secret` without its name. */
  set(name: string, json: JsonObject): void {
    this.#secrets.set(name, encodeResource({ typeUrl: typeUrls.secret, name, json: { name, ...json } }));
    for (const [key, names] of this.#wanted) if (names.has(name)) this.#offer(key, names);
  }

  #subscribe(key: string, typeUrl: string, names: readonly string[]): void {
    if (typeUrl !== typeUrls.secret) return;
    const known = this.#wanted.get(key) ?? new Set<string>();
    this.#wanted.set(key, known);
    for (const name of names) {
      const isNew = ![...this.#wanted.values()].some((others) => others.has(name));
      known.add(name);
      if (isNew) this.#options.onWanted(name);
    }
    this.#offer(key, known);
  }

  #offer(key: string, names: ReadonlySet<string>): void {
    const secrets = [...names].map((name) => this.#secrets.get(name));
    const present = secrets.filter((secret) => secret !== undefined);
    if (present.length === names.size) this.#cache.set(key, present);
    else this.#cache.remove(key);
  }

  #forget(key: string): void {
    const names = this.#wanted.get(key) ?? [];
    this.#wanted.delete(key);
    this.#cache.remove(key);
    for (const name of names) {
      if (![...this.#wanted.values()].some((others) => others.has(name))) this.#options.onUnwanted(name);
    }
  }

  /** Forgets a secret that no stream asks for any more. */
  delete(name: string): void {
    this.#secrets.delete(name);
  }
}
