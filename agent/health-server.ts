// The agent's HTTP interface: whether the proxy is ready (15021), and its statistics under Istio's
// names (15020).

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { isIPv4 } from 'node:net';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { AdminAddress, SocketAddress } from '../bootstrap/index.ts';
import { callAdmin, readAdmin, readStats } from './admin-client.ts';
import { AgentError } from './error.ts';

/** The questions that the two servers answer. */
export interface HealthServerOptions {
  readonly health: SocketAddress;
  readonly stats: SocketAddress;
  readonly admin: AdminAddress;
  /** True once the proxy should get no new connections. */
  readonly isDraining: () => boolean;
  /** Changes with every start of Envoy. */
  readonly envoyStarts: () => number;
  /** The agent's own statistics in Prometheus' text format. */
  readonly formatMetrics: () => string;
  /** Called when /quitquitquit asks the agent to end. */
  readonly onQuit: () => void;
}

const firstConfiguration = String.raw`^(cluster_manager\.cds|listener_manager\.lds)\.update_success$|^listener_manager\.workers_started$`;

/** Serves both addresses. */
export class HealthServer {
  readonly #options: HealthServerOptions;
  readonly #servers: Server[] = [];
  /** The start of Envoy that is known to have taken its first configuration. */
  #configured = 0;

  constructor(options: HealthServerOptions) {
    this.#options = options;
  }

  /** Rejects with `AddressUnavailable` when an address is taken. */
  async start(): Promise<void> {
    const health = createServer((request, response) => void this.#answer(request, response, healthPaths));
    const stats = createServer((request, response) => void this.#answer(request, response, allPaths));
    await this.#listen(health, this.#options.health);
    await this.#listen(stats, this.#options.stats);
  }

  async stop(): Promise<void> {
    const closed = this.#servers.map((server) => new Promise((resolve) => server.close(resolve)));
    for (const server of this.#servers) server.closeAllConnections();
    await Promise.all(closed);
  }

  async #listen(server: Server, { address, port }: SocketAddress): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      server.once('error', (cause) => {
        reject(new AgentError('AddressUnavailable', `cannot listen on ${address}:${port}: ${cause.message}`, cause));
      });
      server.listen(port, address, resolve);
    });
    this.#servers.push(server);
  }

  async #answer(request: IncomingMessage, response: ServerResponse, paths: ReadonlySet<string>): Promise<void> {
    const path = (request.url ?? '').split('?')[0] ?? '';
    try {
      if (!paths.has(path)) send(response, 404, 'not found\n');
      else if (path === '/quitquitquit') this.#quit(request, response);
      else if (request.method !== 'GET' && request.method !== 'HEAD') send(response, 405, 'only GET\n');
      else if (path === '/healthz/ready') await this.#ready(response);
      else await this.#statistics(response);
    } catch (error) {
      if (response.headersSent) response.destroy();
      else send(response, 503, `Envoy does not answer: ${error instanceof Error ? error.message : String(error)}\n`);
    }
  }

  async #ready(response: ServerResponse): Promise<void> {
    const reason = this.#options.isDraining() ? 'draining' : await this.#missing();
    send(response, reason === undefined ? 200 : 503, `${reason ?? 'ready'}\n`);
  }

  /** The reason why the proxy is not ready, if it is not. */
  async #missing(): Promise<string | undefined> {
    const { admin, envoyStarts } = this.#options;
    const start = envoyStarts();
    const { status, body } = await readAdmin(admin, 'GET', '/ready');
    if (status !== 200) return `Envoy is ${body.trim()}`;
    if (this.#configured === start) return undefined;
    const stats = await readStats(admin, firstConfiguration);
    if ((stats.get('cluster_manager.cds.update_success') ?? 0) === 0) return 'no clusters from the control plane yet';
    if ((stats.get('listener_manager.lds.update_success') ?? 0) === 0) return 'no listeners from the control plane yet';
    if ((stats.get('listener_manager.workers_started') ?? 0) === 0) return 'the workers have not started yet';
    this.#configured = start;
    return undefined;
  }

  async #statistics(response: ServerResponse): Promise<void> {
    response.setHeader('content-type', 'text/plain; version=0.0.4; charset=utf-8');
    const own = this.#options.formatMetrics();
    let envoy: IncomingMessage;
    try {
      envoy = await callAdmin(this.#options.admin, 'GET', '/stats/prometheus');
    } catch {
      // The agent's own numbers matter most when Envoy is down.
      response.end(own);
      return;
    }
    response.write(own);
    await pipeline(envoy, createRenaming(), response);
  }

  #quit(request: IncomingMessage, response: ServerResponse): void {
    if (request.method !== 'POST') return send(response, 405, 'only POST\n');
    if (!isLoopback(request.socket.remoteAddress ?? '')) return send(response, 403, 'only from this machine\n');
    if (isSentByPage(request)) return send(response, 403, 'not from a web page\n');
    send(response, 200, 'ok\n');
    this.#options.onQuit();
  }
}

const healthPaths: ReadonlySet<string> = new Set(['/healthz/ready']);
const allPaths: ReadonlySet<string> = new Set(['/healthz/ready', '/stats/prometheus', '/metrics', '/quitquitquit']);

function send(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(text);
}

function isLoopback(address: string): boolean {
  const plain = address.replace(/^::ffff:/, '');
  return plain === '::1' || (isIPv4(plain) && plain.startsWith('127.'));
}

/**
 * A browser adds the origin of a POST. A page can make the name of its own site resolve to this
 * address.
 */
function isSentByPage({ headers }: IncomingMessage): boolean {
  return headers.origin !== undefined || headers['sec-fetch-site'] !== undefined;
}

/**
 * Upstream Envoy puts its own prefix before Istio's metric names; dashboards expect them without.
 */
export function renameMetrics(line: string): string {
  return line.replace(/^(# (?:TYPE|HELP) )?envoy_istio_(?=istio_)/, '$1');
}

/** Renames line by line: the text can be megabytes and is never held whole. */
function createRenaming(): Transform {
  let rest = '';
  return new Transform({
    decodeStrings: false,
    transform(chunk: Buffer, _encoding, done) {
      const lines = (rest + chunk.toString('latin1')).split('\n');
      rest = lines.pop() ?? '';
      done(null, Buffer.from(lines.map((line) => `${renameMetrics(line)}\n`).join(''), 'latin1'));
    },
    flush(done) {
      done(null, Buffer.from(renameMetrics(rest), 'latin1'));
    },
  });
}
