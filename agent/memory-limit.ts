// How much memory Envoy may use: what the container or machine has, less what the agent beside it needs.

import { readFile } from 'node:fs/promises';
import { totalmem } from 'node:os';

/** Where the kernel says what the container may use, of both versions of control groups. */
const files = ['/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory/memory.limit_in_bytes'];

const mebibyte = 1024 * 1024;
/** The agent, and what the allocator holds beyond the heap. */
const reserved = 160;
/** With less, Envoy would refuse requests from the start. */
const least = 128;

/** MiB of heap for the one Envoy of this container. A file that is not there or says `max` sets no limit. */
export async function readHeapLimit(
  read: (file: string) => Promise<string> = (file) => readFile(file, 'utf8'),
): Promise<number> {
  const limits = await Promise.all(files.map((file) => read(file).then(Number, () => Number.NaN)));
  const memory = Math.min(totalmem(), ...limits.filter((limit) => limit > 0));
  return Math.max(least, Math.floor(memory / mebibyte) - reserved);
}
