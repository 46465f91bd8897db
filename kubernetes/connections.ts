// The HTTP connections to one API server: kept alive for calls, one for each watch, and made anew
// when the credentials change.

import * as http from 'node:http';
import * as https from 'node:https';
import type { ClusterAccess, Credentials } from './access.ts';

/** One request as it is sent. */
export interface OutgoingRequest {
  readonly method: string;
  /** With the query, without the server's own path. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  /** A watch has a connection of its own, so that it cannot delay calls. */
  readonly isWatch?: boolean;
  readonly signal: AbortSignal;
}

interface Agents {
  readonly credentials: Credentials;
  readonly key: string;
  readonly calls: http.Agent;
  readonly watches: http.Agent;
}

/**
 * Tokens in files are replaced before they expire: client-go reads them every minute, this client
 * more often.
 */
const credentialsLifetimeMs = 10_000;
const maxConnections = 16;

/** Sends requests to one API server. */
export class Connections {
  readonly #access: ClusterAccess;
  readonly #userAgent: string;
  readonly #base: URL;
  #agents: Agents | undefined;
  #credentials: { readonly value: Promise<Credentials>; readonly readAt: number } | undefined;

  constructor(access: ClusterAccess, userAgent: string) {
    this.#access = access;
    this.#userAgent = userAgent;
    this.#base = new URL(access.server);
  }

  /**
   * Resolves to the head of the answer, whose body has not been read. Rejects with Node's error.
   */
  async send(outgoing: OutgoingRequest): Promise<http.IncomingMessage> {
    const credentials = await this.credentials();
    const isTls = this.#base.protocol === 'https:';
    const agents = this.#agentsFor(credentials, isTls);
    const options: https.RequestOptions = {
      method: outgoing.method,
      headers: {
        accept: 'application/json',
        'user-agent': this.#userAgent,
        ...credentials.headers,
        ...outgoing.headers,
        ...(outgoing.body === undefined ? {} : { 'content-length': Buffer.byteLength(outgoing.body) }),
      },
      agent: credentials.agent ?? (outgoing.isWatch === true ? agents.watches : agents.calls),
      signal: outgoing.signal,
      ...(isTls ? credentials.tls : {}),
    };
    const url = this.url(outgoing.path);
    const request = isTls ? https.request(url, options) : http.request(url, options);
    try {
      return await answerOf(request, outgoing.body);
    } catch (error) {
      // The server closed an idle connection while the request was sent on it, so the server
      // answered nothing of it.
      const isStale = request.reusedSocket && (error as NodeJS.ErrnoException).code === 'ECONNRESET';
      if (!isStale || outgoing.method === 'POST' || outgoing.signal.aborted) throw error;
      return this.send(outgoing);
    }
  }

  /** The credentials of the moment. */
  credentials(): Promise<Credentials> {
    const now = performance.now();
    if (this.#credentials === undefined || now - this.#credentials.readAt > credentialsLifetimeMs) {
      const value = this.#access.readCredentials();
      value.catch(() => this.forgetCredentials());
      this.#credentials = { value, readAt: now };
    }
    return this.#credentials.value;
  }

  /** The API did not accept these credentials: the next request reads them again. */
  forgetCredentials(): void {
    this.#credentials = undefined;
  }

  /** The whole address of a path. */
  url(path: string): URL {
    return new URL(this.#base.pathname.replace(/\/$/, '') + path, this.#base);
  }

  close(): void {
    this.#agents?.calls.destroy();
    this.#agents?.watches.destroy();
    this.#agents = undefined;
  }

  #agentsFor(credentials: Credentials, isTls: boolean): Agents {
    if (this.#agents?.credentials === credentials) return this.#agents;
    const key = JSON.stringify(credentials.tls);
    if (this.#agents?.key === key) this.#agents = { ...this.#agents, credentials };
    else {
      // Requests that are pending on the old connections end by themselves.
      const create = (options: https.AgentOptions): http.Agent =>
        isTls ? new https.Agent({ ...options, ...credentials.tls }) : new http.Agent(options);
      this.#agents = {
        credentials,
        key,
        calls: create({ keepAlive: true, keepAliveMsecs: 30_000, maxSockets: maxConnections }),
        watches: create({ keepAlive: true, keepAliveMsecs: 30_000, maxFreeSockets: 0 }),
      };
    }
    return this.#agents;
  }
}

function answerOf(request: http.ClientRequest, body: string | undefined): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.once('response', resolve);
    request.on('error', reject);
    request.end(body);
  });
}
