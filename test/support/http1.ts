// HTTP/1.1 by hand over any byte stream, for tests that must send requests that an ordinary client
// would clean up: the request target and the headers go out exactly as given.

import type { Duplex } from 'node:stream';

/** Names and values in order; a name may come twice. */
export type HeaderList = readonly (readonly [name: string, value: string])[];

/** A request as it goes on the wire. */
export interface HttpRequest {
  /** GET by default. */
  readonly method?: string;
  /** The request target, sent byte for byte (latin1): `//`, `%2e`, `;x`, `#frag`, even spaces. */
  readonly path: string;
  /**
   * Sent as given. Without a `host`, one is added from `authority`, and a `content-length` when
   * there is a body and no length.
   */
  readonly headers?: HeaderList | Readonly<Record<string, string>>;
  /**
   * The Host (HTTP/2: `:authority`) to add; by default that of the CONNECT stream, else
   * `localhost`. False adds none.
   */
  readonly authority?: string | false;
  readonly body?: string;
  /** Milliseconds until the exchange is given up; 30 s by default. */
  readonly timeout?: number;
}

/** A complete response. */
export interface HttpResponse {
  readonly status: number;
  /** By lower-case name; repeated ones joined by a comma and a space. */
  readonly headers: Readonly<Record<string, string>>;
  readonly rawHeaders: HeaderList;
  readonly body: string;
}

interface Head {
  readonly status: number;
  readonly rawHeaders: HeaderList;
}

/**
 * Sends one HTTP/1.1 request over the stream and reads its response; interim (1xx) responses are
 * skipped. The stream can be used again; requests that are made at once take turns. Rejects with
 * code `STREAM_ENDED` when the stream ends before the response does, `EXCHANGE_TIMEOUT` when the
 * time is over, and then destroys the stream, which is between two messages.
 */
export function requestThrough(stream: Duplex, request: HttpRequest): Promise<HttpResponse> {
  const reader = readerOf(stream);
  const turn = reader.lastTurn.then(() => exchange(stream, reader, request));
  reader.lastTurn = turn.catch(() => {});
  return turn;
}

/** Headers as a list, whichever way they were given. */
export function listHeaders(headers: HttpRequest['headers'] = []): HeaderList {
  return isHeaderList(headers) ? headers : Object.entries(headers);
}

/** Headers by lower-case name; repeated ones joined by a comma and a space. */
export function joinHeaders(list: HeaderList): Readonly<Record<string, string>> {
  const joined: Record<string, string> = {};
  for (const [name, value] of list) {
    const key = name.toLowerCase();
    joined[key] = joined[key] === undefined ? value : `${joined[key]}, ${value}`;
  }
  return joined;
}

/** Settles as `work` does, or rejects with `EXCHANGE_TIMEOUT` after destroying the stream. */
export async function limitTime<T>(work: Promise<T>, stream: Duplex, timeout: number = 30_000): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const expiry = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(Object.assign(new Error(`no complete response in ${timeout} ms`), { code: 'EXCHANGE_TIMEOUT' }));
      stream.destroy();
    }, timeout);
  });
  try {
    return await Promise.race([work, expiry]);
  } finally {
    clearTimeout(timer);
  }
}

function isHeaderList(headers: HeaderList | Readonly<Record<string, string>>): headers is HeaderList {
  return Array.isArray(headers);
}

async function exchange(stream: Duplex, reader: StreamReader, request: HttpRequest): Promise<HttpResponse> {
  const { method = 'GET', body = '' } = request;
  const headers = completeHeaders(stream, request);
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  // In one write: two would wait for each other in Nagle's algorithm.
  const head = Buffer.from(`${method} ${request.path} HTTP/1.1\r\n${lines}\r\n`, 'latin1');
  stream.write(Buffer.concat([head, Buffer.from(body)]));
  return limitTime(readResponse(reader, method), stream, request.timeout);
}

function completeHeaders(stream: Duplex, request: HttpRequest): HeaderList {
  const headers = [...listHeaders(request.headers)];
  const names = new Set(headers.map(([name]) => name.toLowerCase()));
  const authority = request.authority ?? connectAuthority(stream) ?? 'localhost';
  if (authority !== false && !names.has('host')) headers.unshift(['Host', authority]);
  if (request.body !== undefined && !names.has('content-length') && !names.has('transfer-encoding')) {
    headers.push(['Content-Length', String(Buffer.byteLength(request.body))]);
  }
  return headers;
}

/** The `:authority` of a CONNECT stream; undefined for any other stream. */
export function connectAuthority(stream: Duplex): string | undefined {
  const sent: unknown = 'sentHeaders' in stream ? stream.sentHeaders : undefined;
  const authority: unknown =
    typeof sent === 'object' && sent !== null && ':authority' in sent ? sent[':authority'] : undefined;
  return typeof authority === 'string' ? authority : undefined;
}

async function readResponse(reader: StreamReader, method: string): Promise<HttpResponse> {
  let head: Head;
  do head = parseHead(await reader.readUntil('\r\n\r\n'));
  while (head.status >= 100 && head.status < 200 && head.status !== 101);
  const headers = joinHeaders(head.rawHeaders);
  return { ...head, headers, body: (await readBody(reader, method, head.status, headers)).toString('utf8') };
}

async function readBody(
  reader: StreamReader,
  method: string,
  status: number,
  headers: Readonly<Record<string, string>>,
): Promise<Buffer> {
  if (method === 'HEAD' || status === 101 || status === 204 || status === 304) return Buffer.alloc(0);
  if (headers['transfer-encoding']?.toLowerCase() === 'chunked') return readChunks(reader);
  const length = headers['content-length'];
  return length === undefined ? reader.readToEnd() : reader.readBytes(Number(length));
}

async function readChunks(reader: StreamReader): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for (;;) {
    const size = Number.parseInt(await reader.readUntil('\r\n'), 16);
    if (size === 0) break;
    chunks.push(await reader.readBytes(size));
    await reader.readUntil('\r\n');
  }
  while ((await reader.readUntil('\r\n')) !== '') continue;
  return Buffer.concat(chunks);
}

function parseHead(text: string): Head {
  const [statusLine = '', ...lines] = text.split('\r\n');
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(statusLine)?.[1]);
  if (Number.isNaN(status)) throw new Error(`not an HTTP/1.1 response: ${JSON.stringify(statusLine.slice(0, 80))}`);
  const rawHeaders = lines.map((line): readonly [string, string] => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon), line.slice(colon + 1).trim()];
  });
  return { status, rawHeaders };
}

interface StreamReader {
  lastTurn: Promise<unknown>;
  /** Text before the delimiter, which is consumed. */
  readonly readUntil: (delimiter: string) => Promise<string>;
  readonly readBytes: (count: number) => Promise<Buffer>;
  readonly readToEnd: () => Promise<Buffer>;
}

const readers = new WeakMap<Duplex, StreamReader>();

function readerOf(stream: Duplex): StreamReader {
  const known = readers.get(stream);
  if (known !== undefined) return known;
  const reader = createReader(stream);
  readers.set(stream, reader);
  return reader;
}

function createReader(stream: Duplex): StreamReader {
  let buffered: Buffer = Buffer.alloc(0);
  let failure: Error | undefined;
  let wake = (): void => {};
  // Kept rather than thrown: the next reader gets it.
  stream.on('error', (error) => (failure = error));
  for (const event of ['readable', 'end', 'close']) stream.on(event, () => wake());

  const readMore = async (): Promise<boolean> => {
    for (;;) {
      const chunk = stream.read() as Buffer | null;
      if (chunk !== null) {
        buffered = buffered.length === 0 ? chunk : Buffer.concat([buffered, chunk]);
        return true;
      }
      if (failure !== undefined) throw failure;
      if (stream.readableEnded || stream.destroyed) return false;
      await new Promise<void>((resolve) => (wake = resolve));
    }
  };
  const take = (count: number): Buffer => {
    const taken = buffered.subarray(0, count);
    buffered = buffered.subarray(count);
    return taken;
  };
  const demandMore = async (): Promise<void> => {
    if (await readMore()) return;
    const text = buffered.toString('latin1', 0, 80);
    throw Object.assign(new Error(`the stream ended before the response did, after ${JSON.stringify(text)}`), {
      code: 'STREAM_ENDED',
    });
  };
  return {
    lastTurn: Promise.resolve(),
    readUntil: async (delimiter) => {
      let at = buffered.indexOf(delimiter);
      while (at < 0) {
        await demandMore();
        at = buffered.indexOf(delimiter);
      }
      return take(at + delimiter.length).toString('latin1', 0, at);
    },
    readBytes: async (count) => {
      while (buffered.length < count) await demandMore();
      return take(count);
    },
    readToEnd: async () => {
      while (await readMore()) continue;
      return take(buffered.length);
    },
  };
}
