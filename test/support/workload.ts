// Applications for tests to send traffic to: an HTTP server that echoes the request, and a TCP
// server that speaks first.

import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';

/** The request that the echo server saw, as its JSON answer. */
export interface EchoedRequest {
  readonly name: string;
  readonly method: string;
  /** The request target exactly as received. */
  readonly path: string;
  readonly httpVersion: string;
  /** In the order received, duplicates and letter case kept; HTTP/2 pseudo-headers included. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
  readonly remoteAddress: string;
}

/** An answer in place of an immediate 200. */
export interface EchoReply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly delayMs?: number;
}

/** Settings of an echo server. */
export interface EchoOptions {
  /** Stands in every answer, to tell workloads apart. */
  readonly name: string;
  /** Decides the answer's status, headers and delay. */
  readonly reply?: (request: EchoedRequest) => EchoReply;
}

/** A server that listens. */
export interface Workload {
  readonly host: string;
  readonly port: number;
  /** Connections accepted so far. */
  readonly connectionCount: () => number;
  readonly close: () => Promise<void>;
}

/** A workload that keeps its requests, oldest first. */
export interface EchoWorkload extends Workload {
  readonly requests: () => readonly EchoedRequest[];
}

const http2Preface = 'PRI * HTTP/2.0';

/**
 * Starts an echo server that speaks HTTP/1.1 and, with prior knowledge, HTTP/2 in clear text; port
 * 0 takes a free one.
 */
export async function startEcho(host: string, port: number, options: EchoOptions): Promise<EchoWorkload> {
  const received: EchoedRequest[] = [];
  const handle = (
    request: IncomingMessage | Http2ServerRequest,
    response: ServerResponse | Http2ServerResponse,
  ): void => {
    void readBody(request).then((body) => {
      const echoed = describeRequest(options.name, request, body);
      received.push(echoed);
      answer(echoed, options.reply?.(echoed) ?? {}, response);
      return echoed;
    });
  };
  const http1 = createHttpServer(handle);
  // Only the client closes a connection: one that ends while a request is on its way looks like a
  // failure of the tested code.
  http1.keepAliveTimeout = 0;
  const http2 = createHttp2Server(handle);
  const workload = await startTcp(host, port, (socket) => {
    socket.once('data', (chunk: Buffer) => {
      socket.pause();
      socket.unshift(chunk);
      const isHttp2 = chunk.toString('latin1', 0, http2Preface.length) === http2Preface;
      (isHttp2 ? http2 : http1).emit('connection', socket);
      if (!isHttp2) socket.resume();
    });
  });
  return { ...workload, requests: () => received };
}

/**
 * Starts a TCP server that writes `banner` to every client before it reads anything, and then
 * echoes.
 */
export async function startTcpBanner(host: string, port: number, banner: string): Promise<Workload> {
  return startTcp(host, port, (socket) => {
    socket.write(banner);
    socket.pipe(socket);
  });
}

async function startTcp(host: string, port: number, serve: (socket: Socket) => void): Promise<Workload> {
  const sockets = new Set<Socket>();
  let count = 0;
  const server: Server = createServer({ noDelay: true }, (socket) => {
    count++;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    // A client that goes away in mid-sentence is an ordinary event for a server under test.
    socket.on('error', () => {});
    serve(socket);
  });
  server.listen({ host, port, backlog: 1024 });
  await once(server, 'listening');
  const close = async (): Promise<void> => {
    const closed = once(server, 'close');
    server.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  return { host, port: (server.address() as AddressInfo).port, connectionCount: () => count, close };
}

async function readBody(request: IncomingMessage | Http2ServerRequest): Promise<string> {
  let body = '';
  request.setEncoding('utf8');
  try {
    for await (const text of request) body += String(text);
  } catch {
    // The client reset the request: nobody reads an answer.
  }
  return body;
}

function describeRequest(name: string, request: IncomingMessage | Http2ServerRequest, body: string): EchoedRequest {
  const headers: (readonly [string, string])[] = [];
  for (let i = 0; i + 1 < request.rawHeaders.length; i += 2) {
    headers.push([request.rawHeaders[i] ?? '', request.rawHeaders[i + 1] ?? '']);
  }
  return {
    name,
    method: request.method ?? '',
    path: request.url ?? '',
    httpVersion: request.httpVersion,
    headers,
    body,
    remoteAddress: request.socket.remoteAddress ?? '',
  };
}

function answer(echoed: EchoedRequest, reply: EchoReply, response: ServerResponse | Http2ServerResponse): void {
  const send = (): void => {
    if (response.destroyed) return;
    const body = JSON.stringify(echoed);
    response.statusCode = reply.status ?? 200;
    response.setHeader('content-type', 'application/json');
    response.setHeader('content-length', Buffer.byteLength(body));
    for (const [name, value] of Object.entries(reply.headers ?? {})) response.setHeader(name, value);
    response.end(body);
  };
  if (reply.delayMs === undefined) send();
  else setTimeout(send, reply.delayMs);
}
