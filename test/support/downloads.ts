// Servers that send a number of bytes and end, in every way in which an answer can end, and clients
// that read them at their own pace.

import { createServer as createHttpServer, type Server as HttpServer, type ServerResponse } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * How the end of an answer is told: HTTP/1.1 or 1.0 to a client that says `Connection: close`, or
 * plain TCP.
 */
export const endings = ['length', 'chunked', 'close', 'length 1.0', 'close 1.0', 'tcp'] as const;

/** One of them. */
export type Ending = (typeof endings)[number];

/** A download to make. */
export interface Download {
  readonly ending: Ending;
  /** Of the body. */
  readonly bytes: number;
  /** The client waits for so many milliseconds after every chunk that it reads. */
  readonly pauseMs?: number;
  /** The server waits for so many milliseconds before every 64 KiB that it writes. */
  readonly writePauseMs?: number;
  /** The server aborts after half of the bytes. */
  readonly aborts?: boolean;
}

/** The bytes that arrived. */
export interface Downloaded {
  readonly bytes: number;
  /** Whether a client that knows the protocol takes the answer for whole. */
  readonly isComplete: boolean;
}

/**
 * 1 kB to 100 MB, as many small ones as large ones; a third is read slowly, a third written slowly.
 */
export function chooseDownload(): Download {
  const ending = endings[Math.floor(Math.random() * endings.length)] ?? 'length';
  const bytes = Math.round(10 ** (3 + 5 * Math.random()));
  const pace = Math.floor(Math.random() * 3);
  // A client reads 16 KiB at a time, a server writes 64 KiB: 5 s or so for each download.
  const pausesOf = (chunk: number): number => Math.min(20, Math.ceil((5_000 * chunk) / bytes));
  return {
    ending,
    bytes,
    ...(pace === 1 ? { pauseMs: pausesOf(16 * 1024) } : pace === 2 ? { writePauseMs: pausesOf(64 * 1024) } : {}),
  };
}

const block = Buffer.alloc(64 * 1024, 'x');

/** Serves both protocols on one address; resolves to the function that ends that. */
export async function startDownloads(
  host: string,
  ports: { readonly http: number; readonly tcp: number },
): Promise<() => Promise<void>> {
  const http = createHttpServer((request, response) => {
    const download = JSON.parse(decodeURIComponent((request.url ?? '').slice(2))) as Download;
    response.on('error', () => {});
    response.shouldKeepAlive = false;
    if (download.ending.startsWith('length')) response.setHeader('content-length', download.bytes);
    else if (download.ending.startsWith('close')) response.useChunkedEncodingByDefault = false;
    void send(response, request.socket, download);
  });
  const tcp = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {});
    socket.once('data', (line) => void send(socket, socket, JSON.parse(line.toString()) as Download));
  });
  const listen = (server: HttpServer | Server, port: number): Promise<void> =>
    new Promise((resolve, reject) => server.once('error', reject).listen(port, host, 4096, resolve));
  await Promise.all([listen(http, ports.http), listen(tcp, ports.tcp)]);
  return async () => {
    http.closeAllConnections();
    await Promise.all([http, tcp].map((server) => new Promise<void>((resolve) => server.close(() => resolve()))));
  };
}

async function send(
  to: ServerResponse | Socket,
  socket: Socket,
  { bytes, writePauseMs = 0, aborts = false }: Download,
): Promise<void> {
  const blocks = async function* (): AsyncGenerator<Buffer> {
    for (let left = aborts ? bytes / 2 : bytes; left > 0; left -= block.length) {
      if (writePauseMs > 0) await sleep(writePauseMs);
      yield block.subarray(0, Math.min(left, block.length));
    }
  };
  // A client that goes is no failure of the server's.
  await pipeline(blocks, to, { end: !aborts }).catch(() => {});
  if (aborts) setTimeout(() => socket.resetAndDestroy(), 100);
}

/** Asks for a download on a connection, and reads until it ends. */
export async function readDownload(connection: Duplex, wanted: Download): Promise<Downloaded> {
  const { ending, pauseMs = 0 } = wanted;
  const isHttp = ending !== 'tcp';
  const question = JSON.stringify(wanted);
  const version = ending.endsWith('1.0') ? '1.0' : '1.1';
  connection.write(
    isHttp
      ? `GET /?${encodeURIComponent(question)} HTTP/${version}\r\nhost: web\r\nconnection: close\r\n\r\n`
      : question,
  );
  const answer = new Answer(isHttp);
  let isReset = false;
  connection.on('error', () => (isReset = true));
  connection.on('data', (chunk: Buffer) => {
    answer.take(chunk);
    if (pauseMs === 0) return;
    connection.pause();
    setTimeout(() => connection.resume(), pauseMs);
  });
  connection.on('end', () => connection.end());
  await new Promise((resolve) => connection.once('close', resolve));
  return { bytes: answer.bytes, isComplete: !isReset && answer.isComplete };
}

const lineBreak = '\r\n'.length;

/** Counts the bytes of a body as they come, in the form that the headers announce. */
class Answer {
  #head: string | undefined;
  #length: number | undefined;
  #isChunked = false;
  /**
   * The rest of a chunk, its line break included; undefined while the line with its size is read.
   */
  #chunk: number | undefined;
  #line = '';
  #ended = false;
  bytes = 0;

  constructor(isHttp: boolean) {
    this.#head = isHttp ? '' : undefined;
  }

  get isComplete(): boolean {
    if (this.#head !== undefined) return false;
    if (this.#isChunked) return this.#ended;
    return this.#length === undefined || this.#length === this.bytes;
  }

  take(data: Buffer): void {
    if (this.#head === undefined) return this.#takeBody(data);
    this.#head += data.toString('latin1');
    const end = this.#head.indexOf('\r\n\r\n');
    if (end < 0) return;
    const rest = Buffer.from(this.#head.slice(end + 4), 'latin1');
    const head = this.#head.slice(0, end).toLowerCase();
    this.#head = undefined;
    if (!/^http\/1\.[01] 200 /.test(head)) throw new Error(`the answer is ${head}`);
    const length = /\r\ncontent-length: (\d+)/.exec(head)?.[1];
    if (length !== undefined) this.#length = Number(length);
    this.#isChunked = /\r\ntransfer-encoding: chunked/.test(head);
    this.#takeBody(rest);
  }

  #takeBody(data: Buffer): void {
    if (!this.#isChunked) {
      this.bytes += data.length;
      return;
    }
    let at = 0;
    while (at < data.length && !this.#ended) {
      if (this.#chunk === undefined) {
        const end = data.indexOf('\n', at);
        this.#line += data.toString('latin1', at, end < 0 ? data.length : end);
        at = end < 0 ? data.length : end + 1;
        if (end < 0) continue;
        const size = Number.parseInt(this.#line, 16);
        this.#line = '';
        this.#ended = size === 0;
        this.#chunk = size + lineBreak;
      } else {
        const taken = Math.min(this.#chunk, data.length - at);
        this.bytes += Math.max(0, Math.min(taken, this.#chunk - lineBreak));
        at += taken;
        this.#chunk -= taken;
        if (this.#chunk === 0) this.#chunk = undefined;
      }
    }
  }
}
