// A client pod's program: it speaks HBONE to a waypoint as the pod's service account, whose
// certificate it gets with the pod's own token. It takes its requests over HTTP. It behaves as a
// node proxy does: one connection to a waypoint for many tunnels, and a new one when the waypoint
// says goodbye. It retries to connect for a while, since that loses nothing.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { ClientHttp2Stream } from 'node:http2';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { createPrivateKey, createRequest, formatPrivateKey, requestCertificate } from '../../../certificates/index.ts';
import { connectHbone, requestThrough } from '../../support/hbone-client.ts';
import type { ClientCertificate, HboneConnection } from '../../support/hbone-client.ts';
import { type Downloaded, readDownload, startDownloads } from '../../support/downloads.ts';
import {
  type ClientAnswer,
  type ClientCall,
  type ClientDownloads,
  downloadPorts,
  type LoadReport,
} from './protocol.ts';

const environment = (name: string): string => {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
};
const caAddress = environment('CA_ADDRESS');
const port = 8080;
const connectPatienceMs = 10_000;
const maxAttempts = 5;

/** Asked for again and again until the control plane and the root certificate are there. */
async function obtainCertificate(): Promise<ClientCertificate> {
  for (;;) {
    try {
      const rootPem = readFileSync('/var/run/secrets/istio/root-cert.pem', 'utf8');
      const key = createPrivateKey();
      const chain = await requestCertificate({
        address: caAddress,
        rootPem,
        serverName: caAddress.replace(/:\d+$/, ''),
        token: readFileSync('/var/run/secrets/tokens/istio-token', 'utf8').trim(),
        csrPem: createRequest(key),
        ttlSeconds: 3600,
      });
      return { ca: rootPem, cert: chain.join(''), key: formatPrivateKey(key) };
    } catch (error) {
      console.error(`no certificate yet: ${String(error)}`);
      await sleep(500);
    }
  }
}

const certificate = obtainCertificate();
const pool = new Map<string, Promise<HboneConnection>>();

/** A connection that is open, or a new one; who comes while it is made waits for the same. */
async function connectionTo(waypoint: string): Promise<HboneConnection> {
  const known = pool.get(waypoint);
  const open = await known?.catch(() => undefined);
  if (open !== undefined && !open.closed()) return open;
  // Somebody else may have begun a new one while we looked.
  const begun = pool.get(waypoint);
  if (begun !== undefined && begun !== known) return connectionTo(waypoint);
  const made = connectPatiently(waypoint);
  pool.set(waypoint, made);
  return made;
}

async function connectPatiently(waypoint: string): Promise<HboneConnection> {
  const [host = '', hbonePort = ''] = waypoint.split(':');
  const deadline = Date.now() + connectPatienceMs;
  for (;;) {
    try {
      return await connectHbone({
        waypoint: { host, port: Number(hbonePort) },
        certificate: await certificate,
        timeout: 3_000,
      });
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await sleep(50);
    }
  }
}

/**
 * A tunnel; one that met the waypoint's goodbye was not seen by it (RFC 9113 §8.7), and is opened
 * on the next connection.
 */
async function openTunnel({ waypoint, target }: Pick<ClientCall, 'waypoint' | 'target'>): Promise<ClientHttp2Stream> {
  for (let attempt = 1; ; attempt += 1) {
    const connection = await connectionTo(waypoint);
    try {
      return await connection.connect(target);
    } catch (error) {
      if (attempt === maxAttempts || !String(error).includes('REFUSED_STREAM')) throw error;
    }
  }
}

async function ask(call: ClientCall): Promise<ClientAnswer> {
  const { request } = call;
  const stream = await openTunnel(call);
  try {
    const { status, headers, body } = await requestThrough(stream, { timeout: 15_000, ...request });
    return { status, headers, body };
  } finally {
    stream.close();
  }
}

/** So many downloads at a time. */
const downloadsAtOnce = 8;

async function downloadAll({ waypoint, service, wanted }: ClientDownloads): Promise<readonly Downloaded[]> {
  const got: Downloaded[] = [];
  const left = wanted.entries();
  const work = async (): Promise<void> => {
    for (const [at, each] of left) {
      const port = each.ending === 'tcp' ? downloadPorts.tcp : downloadPorts.http;
      got[at] = await readDownload(await openTunnel({ waypoint, target: `${service}:${port}` }), each);
    }
  };
  await Promise.all(Array.from({ length: downloadsAtOnce }, work));
  return got;
}

/** One request every 1/rate seconds, however long the answers take. */
class Load {
  readonly #call: ClientCall;
  readonly #timer: NodeJS.Timeout;
  readonly #pending = new Set<Promise<void>>();
  readonly #statuses: Record<string, number> = {};
  readonly #failures: string[] = [];
  #sent = 0;

  constructor(call: ClientCall, rate: number) {
    this.#call = call;
    this.#timer = setInterval(() => this.#send(), 1_000 / rate);
  }

  async stop(): Promise<LoadReport> {
    clearInterval(this.#timer);
    await Promise.all(this.#pending);
    return { sent: this.#sent, statuses: this.#statuses, failures: this.#failures };
  }

  #send(): void {
    this.#sent += 1;
    const work = this.#ask().finally(() => this.#pending.delete(work));
    this.#pending.add(work);
  }

  async #ask(): Promise<void> {
    const began = new Date().toISOString();
    try {
      const { status, body } = await ask(this.#call);
      this.#statuses[status] = (this.#statuses[status] ?? 0) + 1;
      if (status >= 500) this.#failures.push(`${began}: ${status} ${body.slice(0, 100)}`);
    } catch (error) {
      this.#failures.push(`${began}: ${String(error)}`);
    }
  }
}

let load: Load | undefined;

async function answer(path: string, body: string): Promise<unknown> {
  switch (path) {
    case '/ready':
      await certificate;
      return {};
    case '/request':
      return await ask(JSON.parse(body) as ClientCall);
    case '/downloads':
      return await downloadAll(JSON.parse(body) as ClientDownloads);
    case '/load/start': {
      const { call, rate } = JSON.parse(body) as { readonly call: ClientCall; readonly rate: number };
      load = new Load(call, rate);
      return {};
    }
    case '/load/stop':
      return await load?.stop();
    default:
      throw new Error(`nothing is at ${path}`);
  }
}

void startDownloads('0.0.0.0', downloadPorts);

createServer((incoming, outgoing) => {
  void text(incoming)
    .then((body) => answer(incoming.url ?? '', body))
    .then(
      (value) => outgoing.end(JSON.stringify(value ?? null)),
      (error: unknown) => outgoing.writeHead(502).end(JSON.stringify({ error: String(error) })),
    );
}).listen(port, () => console.log(`client: listens on ${port}`));
