// A long wire, as a process of its own: bytes come out at its end with a delay, in both directions.
// It limits nothing else: the senders decide how many bytes are in flight.

import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import type { SocketAddress } from '../../test/support/envoy.ts';

/** The orders to the process; it answers when it has carried one out. */
export interface WireOrder {
  /** The listen address, and its target; given once. */
  readonly routes?: readonly { readonly from: SocketAddress; readonly to: SocketAddress }[];
  /** How long one way takes, from now on. */
  readonly delayMs: number;
}

/**
 * Bytes in flight in one direction, at most: far more than any window, so that the windows are
 * measured.
 */
const capacity = 256 * 1024 * 1024;
let delayMs = 0;

async function listen(from: SocketAddress, to: SocketAddress): Promise<void> {
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
    const far = connect({ host: to.address, port: to.port, allowHalfOpen: true, noDelay: true });
    carry(near, far);
    carry(far, near);
  });
  server.listen(from.port, from.address);
  await once(server, 'listening');
}

function carry(source: Socket, sink: Socket): void {
  /** Without bytes: the end. */
  const queue: { readonly due: number; readonly bytes?: Buffer }[] = [];
  let underWay = 0;
  let isWaiting = false;
  const deliver = (): void => {
    isWaiting = false;
    for (let next = queue[0]; next !== undefined; next = queue[0]) {
      const wait = next.due - performance.now();
      if (wait > 0) {
        isWaiting = true;
        setTimeout(deliver, wait);
        return;
      }
      queue.shift();
      const { bytes } = next;
      if (bytes === undefined) sink.end();
      else
        sink.write(bytes, () => {
          underWay -= bytes.length;
          if (underWay < capacity) source.resume();
        });
    }
  };
  const send = (bytes?: Buffer): void => {
    queue.push({ due: performance.now() + delayMs, ...(bytes === undefined ? {} : { bytes }) });
    if (!isWaiting) deliver();
  };
  source.on('data', (bytes) => {
    underWay += bytes.length;
    if (underWay >= capacity) source.pause();
    send(bytes);
  });
  source.on('end', () => send());
  source.on('error', () => sink.destroy());
}

process.on('message', (order: WireOrder) => {
  delayMs = order.delayMs;
  void Promise.all((order.routes ?? []).map(({ from, to }) => listen(from, to))).then(() => process.send?.('done'));
});
process.on('disconnect', () => process.exit());
