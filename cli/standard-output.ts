// The standard output and error of what runs on: what cannot be written there is lost, and ends nothing.

import { fstatSync, writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import type { Output } from './io.ts';

/**
 * Writes to a stream of the process; `onError` is told what cannot be written. A stream on a file takes nothing more after its first
 * error, although there may be room again on the disk, so files are written to without it.
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
