// Loopback addresses for tests: each test file takes a block 127.B.0.0/16 of its own, so that files
// that run at once, each with listeners on the same ports, do not collide. Linux routes all of
// 127.0.0.0/8 to the loopback interface.

import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Server } from 'node:net';

/** A block of addresses held by this process until it is released or the process ends. */
export interface AddressBlock {
  /** `127.B.0.0/16`, as `--address-block` takes it. */
  readonly cidr: string;
  /**
   * The address 127.B.c.d; 127.B.0.1 carries the lock, on a port of its own, and is free for other
   * ports.
   */
  readonly address: (c: number, d: number) => string;
  readonly release: () => Promise<void>;
}

// Blocks below 128 are left to runs that people start by hand.
const firstBlock = 128;
const blockCount = 127;
const lockPort = 47_808;

/** Takes a free block out of 127.128.0.0/16 to 127.254.0.0/16; rejects when all are taken. */
export async function allocateBlock(): Promise<AddressBlock> {
  for (let i = 0; i < blockCount; i++) {
    const b = firstBlock + ((process.pid + i) % blockCount);
    const lock = await listen(`127.${b}.0.1`, lockPort);
    if (lock === undefined) continue;
    lock.unref();
    return {
      cidr: `127.${b}.0.0/16`,
      address: (c, d) => `127.${b}.${c}.${d}`,
      release: () => close(lock),
    };
  }
  throw new Error(`all ${blockCount} loopback blocks are taken`);
}

/**
 * A port of `host` that was free a moment ago. It is below 32768, where the kernel begins to give
 * ports to outgoing connections, so that none of them takes it before its server is up.
 */
export async function freePort(host = '127.0.0.1'): Promise<number> {
  for (let i = 0; i < 100; i++) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const probe = await listen(host, port);
    if (probe === undefined) continue;
    await close(probe);
    return port;
  }
  throw new Error(`no free port on ${host}`);
}

async function listen(host: string, port: number): Promise<Server | undefined> {
  const server = createServer((socket) => socket.destroy());
  server.listen({ host, port, exclusive: true });
  try {
    await once(server, 'listening');
    return server;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return undefined;
    throw error;
  }
}

async function close(server: Server): Promise<void> {
  if (!server.listening) return;
  const closed = once(server, 'close');
  server.close();
  await closed;
}
