// The waypoint's access log, read as it grows. Envoy writes it out a moment after a request has
// ended.

import { open, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** The fields of one line. */
export type LogLine = Readonly<Record<string, unknown>>;

const patienceMs = 5_000;
/** Longer than Envoy keeps lines back. */
const settleMs = 400;
const pollMs = 20;

/** The end of the log now: `readLines` from there gives later lines. */
export async function findEnd(file: string): Promise<number> {
  return (await stat(file)).size;
}

/**
 * The access log lines from an offset on; Envoy's own messages and an unfinished last line are left
 * out.
 */
export async function readLines(file: string, offset: number): Promise<readonly LogLine[]> {
  const handle = await open(file, 'r');
  try {
    const { size } = await handle.stat();
    const buffer = Buffer.alloc(Math.max(0, size - offset));
    await handle.read(buffer, 0, buffer.length, offset);
    const lines = buffer.toString('utf8').split('\n').slice(0, -1);
    return lines.filter((line) => line.startsWith('{')).map((line): LogLine => JSON.parse(line) as LogLine);
  } finally {
    await handle.close();
  }
}

/**
 * The first line from an offset on that `isWanted`; undefined when there is none within five
 * seconds.
 */
export async function waitForLine(
  file: string,
  offset: number,
  isWanted: (line: LogLine) => boolean,
): Promise<LogLine | undefined> {
  const end = Date.now() + patienceMs;
  for (;;) {
    const line = (await readLines(file, offset)).find(isWanted);
    if (line !== undefined || Date.now() > end) return line;
    await sleep(pollMs);
  }
}

/** All lines from an offset on that `isWanted`, once pending lines have been written. */
export async function countLines(file: string, offset: number, isWanted: (line: LogLine) => boolean): Promise<number> {
  await sleep(settleMs);
  return (await readLines(file, offset)).filter(isWanted).length;
}

/** A field as text, a list as its members; undefined when the line has none. */
export function logField(line: LogLine | undefined, name: string): string | undefined {
  const value = line?.[name];
  if (value === undefined || value === null) return undefined;
  if (Array.isArray(value)) return value.join(', ');
  return typeof value === 'string' ? value : JSON.stringify(value);
}
