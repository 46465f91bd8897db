// Bounds files that other processes append to.

import { copyFile, stat, truncate } from 'node:fs/promises';

/** In bytes. */
const maxSize = 64 * 1024 * 1024;

/**
 * Moves the content of a log to `PATH.1` when it is larger than `limit`, in place of what was
 * there. Its writers have it open for appending and go on at its end; what they write in between is
 * lost. If there is no room for a copy, the log is emptied without one.
 */
export async function boundFile(path: string, limit: number = maxSize): Promise<void> {
  const size = await stat(path).then(
    (found) => found.size,
    () => 0,
  );
  if (size <= limit) return;
  await copyFile(path, `${path}.1`).catch(() => undefined);
  await truncate(path);
}
