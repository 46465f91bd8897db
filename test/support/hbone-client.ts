// A client that speaks HBONE: HTTP/2 CONNECT streams over mutual TLS, as a node proxy opens them to
// a waypoint. The tests send HTTP/1.1 (`requestThrough`), HTTP/2 (`connectHttp2Through`), or raw
// bytes through a stream.

import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { connect as connectTls } from 'node:tls';
import type { SecureVersion, TLSSocket } from 'node:tls';
import { connectAuthority, joinHeaders, limitTime, listHeaders } from './http1.ts';
import type { HeaderList, HttpRequest, HttpResponse } from './http1.ts';

export { requestThrough } from './http1.ts';
export type { HeaderList, HttpRequest, HttpResponse } from './http1.ts';

/** PEM texts. Without `cert` and `key` the client shows no certificate. */
export interface ClientCertificate {
  readonly ca: string | Buffer;
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
}

/** Where and as whom to connect. */
export interface HboneOptions {
  readonly waypoint: { readonly host: string; readonly port: number };
  /** Undefined speaks HTTP/2 in clear text, which a waypoint must refuse. */
  readonly certificate?: ClientCertificate | undefined;
  /** No SNI by default. */
  readonly servername?: string;
  /** Source address of the connection. */
  readonly localAddress?: string;
  readonly minVersion?: SecureVersion;
  readonly maxVersion?: SecureVersion;
  /** Milliseconds until connecting, or a CONNECT, is given up; 10 s by default. */
  readonly timeout?: number;
}

/** One HBONE connection. */
export interface HboneConnection {
  /**
   * Opens a CONNECT stream to `authority`, such as `127.7.1.3:9080`. Rejects with an HboneRefusal
   * when the answer is not 2xx, and with the stream's error, or code `HBONE_NO_ANSWER`, when there
   * is none.
   */
  readonly connect: (authority: string, headers?: OutgoingHttpHeaders) => Promise<ClientHttp2Stream>;
  /**
   * URI names of the waypoint's certificate; empty in clear text. Its chain was verified against
   * the CA, its host name was not.
   */
  readonly peerIdentities: readonly string[];
  /** Whether the connection has ended, by either side. */
  readonly closed: () => boolean;
  /** Ends all streams and the connection. */
  readonly close: () => Promise<void>;
}

/** The waypoint's answer to a refused CONNECT. */
export interface HboneRefusal extends Error {
  readonly code: 'HBONE_REFUSED';
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Whether an error is the refusal of a CONNECT, and so has its status. */
export function isHboneRefusal(error: unknown): error is HboneRefusal {
  return error instanceof Error && 'code' in error && error.code === 'HBONE_REFUSED';
}

/**
 * Connects, and resolves when the waypoint has sent its HTTP/2 settings: in TLS 1.3 only that shows
 * that it accepted the client's certificate. Rejects with the error of the socket, of TLS or of
 * HTTP/2, or with code `HBONE_TIMEOUT` or `HBONE_CLOSED`.
 */
export async function connectHbone(options: HboneOptions): Promise<HboneConnection> {
  const timeout = options.timeout ?? 10_000;
  const socket = openSocket(options);
  const session = connectHttp2('http://waypoint', { createConnection: () => socket });
  await waitForSettings(session, socket, timeout);
  return {
    connect: (authority, headers) => openStream(session, authority, headers, timeout),
    peerIdentities: 'getPeerCertificate' in socket ? readIdentities(socket) : [],
    closed: () => session.destroyed || session.closed || socket.destroyed,
    close: async () => {
      session.destroy();
      if (socket.closed) return;
      const closed = once(socket, 'close');
      socket.destroy();
      await closed;
    },
  };
}

/** An HTTP/2 connection inside a stream. */
export interface Http2Connection {
  /**
   * As requestThrough, but many at once; `path` goes out exactly as given, header names in lower
   * case.
   */
  readonly request: (request: HttpRequest) => Promise<HttpResponse>;
  readonly close: () => void;
}

/** Speaks HTTP/2 with prior knowledge through a CONNECT stream. */
export function connectHttp2Through(stream: Duplex): Http2Connection {
  const authority = connectAuthority(stream) ?? 'localhost';
  const session = connectHttp2('http://inside', { createConnection: () => stream });
  session.on('error', () => {});
  return { request: (request) => requestHttp2(session, authority, request), close: () => session.destroy() };
}

function openSocket({ waypoint, certificate, servername, ...options }: HboneOptions): TLSSocket | Duplex {
  const local = options.localAddress === undefined ? {} : { localAddress: options.localAddress };
  const { host, port } = waypoint;
  if (certificate === undefined) return connectTcp({ host, port, ...local });
  return connectTls({
    host,
    port,
    ...local,
    ...certificate,
    servername: servername ?? '',
    ALPNProtocols: ['h2'],
    minVersion: options.minVersion ?? 'TLSv1.2',
    maxVersion: options.maxVersion ?? 'TLSv1.3',
    // Mesh certificates name an identity, not a host.
    checkServerIdentity: () => undefined,
  });
}

async function waitForSettings(session: ClientHttp2Session, socket: Duplex, timeout: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      const refuse = (code: string, message: string): void => reject(Object.assign(new Error(message), { code }));
      timer = setTimeout(() => refuse('HBONE_TIMEOUT', `no HTTP/2 settings in ${timeout} ms`), timeout);
      session.once('remoteSettings', () => resolve());
      // These two stay, deaf by then: later errors show on the streams, and without a listener they
      // would end the test run.
      session.on('error', reject);
      // A TLS alert after the handshake destroys the session without an event of its own.
      socket.on('error', reject);
      socket.once('close', () => refuse('HBONE_CLOSED', 'the connection was closed before HTTP/2 began'));
      session.once('close', () => refuse('HBONE_CLOSED', 'the connection was closed before HTTP/2 began'));
    });
  } catch (error) {
    session.destroy();
    socket.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

async function openStream(
  session: ClientHttp2Session,
  authority: string,
  headers: OutgoingHttpHeaders = {},
  timeout: number,
): Promise<ClientHttp2Stream> {
  const stream = session.request({ ...headers, ':method': 'CONNECT', ':authority': authority }, { endStream: false });
  const answered = await limitTime(waitForAnswer(stream, authority), stream, timeout);
  const status = answered[':status'] ?? 0;
  if (status >= 200 && status < 300) return stream;
  stream.end();
  const body = await text(stream).catch(() => '');
  const refusal = new Error(`CONNECT ${authority} was answered ${status}: ${body.slice(0, 200)}`);
  throw Object.assign(refusal, { code: 'HBONE_REFUSED', status, headers: answered, body });
}

function waitForAnswer(
  stream: ClientHttp2Stream,
  authority: string,
): Promise<IncomingHttpHeaders & { ':status'?: number }> {
  return new Promise((resolve, reject) => {
    stream.once('response', resolve);
    // The listener stays, so that a reset of a stream without a reader does not end the test run.
    stream.on('error', reject);
    stream.once('close', () => {
      const error = new Error(`CONNECT ${authority} was not answered, reset with code ${stream.rstCode}`);
      reject(Object.assign(error, { code: 'HBONE_NO_ANSWER' }));
    });
  });
}

async function requestHttp2(
  session: ClientHttp2Session,
  authority: string,
  request: HttpRequest,
): Promise<HttpResponse> {
  const headers: Record<string, string | string[]> = { ':method': request.method ?? 'GET', ':path': request.path };
  if (request.authority !== false) headers[':authority'] = request.authority ?? authority;
  for (const [name, value] of listHeaders(request.headers)) {
    const key = name.toLowerCase();
    const earlier = headers[key];
    headers[key] = earlier === undefined || key.startsWith(':') ? value : [earlier, value].flat();
  }
  const stream = session.request(headers, { endStream: request.body === undefined });
  if (request.body !== undefined) stream.end(request.body);
  const work = Promise.all([waitForAnswer(stream, request.path), text(stream)]);
  const [answered, body] = await limitTime(work, stream, request.timeout);
  const rawHeaders = listAnswer(answered);
  return { status: answered[':status'] ?? 0, headers: joinHeaders(rawHeaders), rawHeaders, body };
}

function listAnswer(answered: IncomingHttpHeaders): HeaderList {
  return Object.entries(answered)
    .filter(([name]) => !name.startsWith(':'))
    .flatMap(([name, value]) => [value ?? []].flat().map((one): readonly [string, string] => [name, one]));
}

function readIdentities(socket: TLSSocket): readonly string[] {
  const names = socket.getPeerCertificate().subjectaltname ?? '';
  return names.split(', ').flatMap((name) => (name.startsWith('URI:') ? [name.slice('URI:'.length)] : []));
}
