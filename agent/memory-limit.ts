// The memory that Envoy may use: that of the container or machine, less the agent's share.

import { readFile } from 'node:fs/promises';
import { totalmem } from 'node:os';

/**
 * The files in which the kernel states the container's limit, of both versions of control groups.
 */
const files = ['/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory/memory.limit_in_bytes'];

const mebibyte = 1024 * 1024;
/** The agent's memory, and the allocator's beyond the heap. */
const reserved = 160;
/** With less, Envoy would refuse requests from the start. */
const least = 128;

/**
 * MiB of heap for the one Envoy of this container. A file that is not there or says `max` sets no
 * limit.
 */
export async function readHeapLimit(
  read: (file: string) => Promise<string> = (file) => readFile(file, 'utf8'),
): Promise<number> {
  const limits = await Promise.all(files.map((file) => read(file).then(Number, () => Number.NaN)));
  const memory = Math.min(totalmem(), ...limits.filter((limit) => limit > 0));
  return Math.max(least, Math.floor(memory / mebibyte) - reserved);
}
