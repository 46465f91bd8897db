// Listens for proxies on a TCP port, which counts connections by address before any of them costs a
// handshake, or on a socket file.

import { chmod, lstat, rm } from 'node:fs/promises';
import { createServer, type Server as TcpServer, type Socket } from 'node:net';
import type { Server, ServerCredentials } from '@grpc/grpc-js';

/**
 * A proxy needs one, and a second one for a moment when it comes back. Several proxies of a machine
 * share an address.
 */
const connectionsPerAddress = 64;

/** A listener and its address. */
export interface Listening {
  /** With the port that was given. */
  readonly address: string;
  /** Takes no further connections. */
  readonly close: () => void;
}

/** The path of `unix:/path`; undefined for `host:port`. */
export function socketPath(address: string): string | undefined {
  return address.startsWith('unix:') ? address.slice('unix:'.length).replace(/^\/\/(?=\/)/u, '') : undefined;
}

/**
 * Hands the connections of an address to a server. Replaces a socket file that an earlier process
 * left; a new one is for its owner only.
 */
export async function listen(server: Server, address: string, credentials: ServerCredentials): Promise<Listening> {
  const path = socketPath(address);
  if (path !== undefined) {
    await removeSocket(path);
    await new Promise<void>((resolve, reject) => {
      server.bindAsync(address, credentials, (error) =>
        error === null ? resolve() : reject(unavailable(address, error)),
      );
    });
    await chmod(path, 0o600);
    return { address, close: () => undefined };
  }
  const injector = server.createConnectionInjector(credentials);
  const tcp = createServer({ noDelay: true });
  const counts = new Map<string, number>();
  tcp.on('connection', (socket: Socket) => {
    const peer = socket.remoteAddress ?? '';
    const count = counts.get(peer) ?? 0;
    if (count >= connectionsPerAddress) return void socket.destroy();
    counts.set(peer, count + 1);
    socket.once('close', () => {
      const left = (counts.get(peer) ?? 1) - 1;
      if (left === 0) counts.delete(peer);
      else counts.set(peer, left);
    });
    injector.injectConnection(socket);
  });
  const [, host = '', port = ''] = /^\[?([^\]]*)\]?:(\d+)$/u.exec(address) ?? [];
  await bind(tcp, { host, port: Number(port) }).catch((error: unknown) => {
    throw unavailable(address, error);
  });
  const bound = tcp.address();
  const given = typeof bound === 'object' && bound !== null ? bound.port : port;
  return { address: address.replace(/:\d+$/u, `:${given}`), close: () => tcp.close() };
}

function bind(tcp: TcpServer, at: { readonly host: string; readonly port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    tcp.once('error', reject);
    tcp.listen(at, resolve);
  });
}

function unavailable(address: string, cause: unknown): Error {
  return new Error(`cannot listen on ${address}`, { cause });
}

async function removeSocket(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found?.isSocket() === true) await rm(path);
}
