// Forwards a local port to a port of a pod through the API server, for commands that read the admin
// port of a proxy.

import { createServer, type AddressInfo, type Socket } from 'node:net';
import type { Connections } from './connections.ts';

/** A loopback port that leads to a pod, until it is closed. */
export interface ForwardedPort {
  /** On 127.0.0.1. */
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Listens on a free port of 127.0.0.1. Each connection to it becomes a connection to the pod; if
 * that cannot be made, it is closed.
 */
export async function forwardPodPort(
  connections: Connections,
  target: { readonly namespace: string; readonly pod: string; readonly port: number },
): Promise<ForwardedPort> {
  const library = await import('@kubernetes/client-node');
  const config = new library.KubeConfig();
  const { origin, pathname } = connections.url('');
  config.loadFromClusterAndUser(
    { name: 'cluster', server: origin + pathname.replace(/\/$/, ''), skipTLSVerify: false },
    { name: 'user' },
  );
  config.applyToHTTPSOptions = async (options) => {
    const { tls, headers, agent } = await connections.credentials();
    Object.assign(options, tls, { headers }, agent === undefined ? {} : { agent });
  };
  const forward = new library.PortForward(config);
  const open = new Set<Socket>();
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (socket) => {
    open.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => open.delete(socket));
    connect(forward, target, socket).catch((error: Error) => socket.destroy(error));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      for (const socket of open) socket.destroy();
      server.close(() => resolve());
    });
  return { port: (server.address() as AddressInfo).port, close };
}

/** The part of a WebSocket that is used here: the library does not publish its type. */
interface Channel {
  addEventListener(event: 'close', listener: () => void): void;
  close(): void;
}

async function connect(
  forward: { portForward: (...args: [string, string, number[], Socket, null, Socket]) => Promise<unknown> },
  target: { readonly namespace: string; readonly pod: string; readonly port: number },
  socket: Socket,
): Promise<void> {
  const channel = (await forward.portForward(
    target.namespace,
    target.pod,
    [target.port],
    socket,
    null,
    socket,
  )) as Channel;
  channel.addEventListener('close', () => socket.end());
  socket.once('close', () => channel.close());
  socket.resume();
}
