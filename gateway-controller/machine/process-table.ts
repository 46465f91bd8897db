// Processes that are not our children: whether they are still the same, from /proc, and how they
// are ended.

import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** Identifies one process for good: a pid alone may be reused. */
export interface ProcessMark {
  readonly pid: number;
  /** Clock ticks since the machine started, from /proc. */
  readonly startTime: string;
}

/**
 * The mark of a running process; undefined when there is none of that pid, or it has ended and was
 * not reaped yet.
 */
export async function readProcess(pid: number): Promise<ProcessMark | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  // The second field is the program's name in parentheses, which may hold spaces and parentheses
  // itself.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state] = fields ?? [];
  const startTime = fields?.[19];
  return startTime === undefined || state === 'Z' || state === 'X' ? undefined : { pid, startTime };
}

/** Reads a mark that was kept as JSON. */
export function parseMark(fields: Readonly<Record<string, unknown>>): ProcessMark | undefined {
  const { pid, startTime } = fields;
  return typeof pid === 'number' && Number.isInteger(pid) && pid > 1 && typeof startTime === 'string'
    ? { pid, startTime }
    : undefined;
}

/** Whether the process of that mark, and no later one of the same pid, still runs. */
export async function isRunning(mark: ProcessMark): Promise<boolean> {
  return (await readProcess(mark.pid))?.startTime === mark.startTime;
}

/** The arguments of a running process, the program first. */
export async function readCommandLine(pid: number): Promise<readonly string[]> {
  const text = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return text.split('\0').slice(0, -1);
}

/**
 * Asks a process to end, and kills it when it has not ended after `patience` milliseconds. Resolves
 * when it is gone.
 */
export async function endProcess(mark: ProcessMark, patience: number): Promise<void> {
  const end = performance.now() + patience;
  let signal: 'SIGTERM' | 'SIGKILL' | undefined = 'SIGTERM';
  while (await isRunning(mark)) {
    if (signal === undefined && performance.now() >= end) signal = 'SIGKILL';
    if (signal !== undefined) {
      sendSignal(mark.pid, signal);
      signal = undefined;
    }
    await sleep(20);
  }
}

function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended by itself.
  }
}
