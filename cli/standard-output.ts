// The standard output and error of a running command. Text that cannot be written is lost, and ends
// nothing.

import { fstatSync, writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import type { Output } from './io.ts';

/**
 * Writes to a stream of the process; `onError` is called with what cannot be written. A stream on a
 * file takes nothing more after its first error, although the disk may have room again, so files
 * are written without it.
 */
export function createOutput(
  stream: NodeJS.WritableStream & { readonly fd: number },
  onError: (error: NodeJS.ErrnoException) => void,
): Output {
  stream.on('error', onError);
  const found = fstatSync(stream.fd);
  if (found.isFIFO() || found.isSocket() || isatty(stream.fd)) return { write: (text) => void stream.write(text) };
  return {
    write: (text) => {
      try {
        const bytes = Buffer.from(text);
        for (let done = 0; done < bytes.length;) done += writeSync(stream.fd, bytes, done);
      } catch (error) {
        onError(error as NodeJS.ErrnoException);
      }
    },
  };
}
