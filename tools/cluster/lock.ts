// One command at a time works on the machine's node.

import { createServer } from 'node:net';
import { ClusterError } from './settings.ts';

/**
 * An abstract socket: one process may have it, and the kernel gives it back when that process ends,
 * however it ends.
 */
const name = '\0cairn-cluster';

/** Does the work alone; throws ClusterError while another process does some. */
export async function withLock<T>(work: () => Promise<T>): Promise<T> {
  const lock = createServer();
  await new Promise<void>((resolve, reject) => {
    lock.once('error', (error: NodeJS.ErrnoException) => {
      const isHeld = error.code === 'EADDRINUSE';
      reject(
        isHeld
          ? new ClusterError('another command is at work on the node of this machine, or runs in it: wait for its end')
          : error,
      );
    });
    lock.listen(name, resolve);
  });
  try {
    return await work();
  } finally {
    lock.close();
  }
}
