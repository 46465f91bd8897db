// Processes that a test starts: their output is kept for the failure message, and each is ended by
// its pid, with its children.

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';

/** How a process ended: an exit code, or the signal that killed it. */
export interface ProcessExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A process with the output that it has written so far. */
export interface StartedProcess {
  readonly pid: number;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Both streams in the order of arrival. */
  readonly output: () => string;
  /** Undefined while it runs. */
  readonly exit: () => ProcessExit | undefined;
  readonly exited: Promise<ProcessExit>;
}

/** Settings of a started process. */
export interface ProcessOptions {
  readonly cwd?: string;
  /** Added to this process's own variables; undefined removes one. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Written to its standard input, which is then closed. */
  readonly input?: string;
}

// Kept after the process itself has ended: its children may live on, on purpose of the test or not.
const groups = new Set<StartedProcess>();
const stopGraceMs = 5_000;

/** Starts `command` in a process group of its own; rejects when it cannot be executed. */
export async function startProcess(
  command: string,
  args: readonly string[],
  options: ProcessOptions = {},
): Promise<StartedProcess> {
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const started = await describeProcess(child);
  groups.add(started);
  // A process that ends without reading its input is no error of the test.
  child.stdin?.on('error', () => {});
  child.stdin?.end(options.input ?? '');
  return started;
}

/**
 * Ends a process with TERM, or KILL after `graceMs`, and then kills the rest of its group. To see
 * how a process reacts to a signal, send it with `process.kill(started.pid, signal)` and await
 * `started.exited`.
 */
export async function stopProcess(started: StartedProcess, graceMs: number = stopGraceMs): Promise<ProcessExit> {
  if (started.exit() === undefined) {
    process.kill(started.pid, 'SIGTERM');
    const grace = new AbortController();
    await Promise.race([started.exited, sleep(graceMs, undefined, { signal: grace.signal }).catch(() => {})]);
    grace.abort();
  }
  killGroup(started);
  return started.exited;
}

/**
 * Ends every process that this test file started, and their remaining children:
 * `afterAll(stopAll)`.
 */
export async function stopAll(): Promise<void> {
  await Promise.all([...groups].map((started) => stopProcess(started)));
}

function killGroup(started: StartedProcess): void {
  groups.delete(started);
  // Once our leader is gone, a process with its number is a stranger, and so is that stranger's
  // group.
  if (started.exit() !== undefined && signalled(started.pid, 0)) return;
  signalled(-started.pid, 'SIGKILL');
}

function signalled(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

// The processes are in groups of their own, so Ctrl-C in the terminal does not reach them.
process.once('exit', () => groups.forEach(killGroup));

function describeProcess(child: ChildProcess): Promise<StartedProcess> {
  const chunks: { readonly from: 'stdout' | 'stderr'; readonly text: string }[] = [];
  for (const from of ['stdout', 'stderr'] as const) {
    child[from]?.setEncoding('utf8').on('data', (text: string) => chunks.push({ from, text }));
  }
  const join = (from?: 'stdout' | 'stderr'): string =>
    chunks.map((chunk) => (from === undefined || chunk.from === from ? chunk.text : '')).join('');
  let exit: ProcessExit | undefined;
  const exited = new Promise<ProcessExit>((resolve) => {
    // `close` comes after the last output; a grandchild that holds the pipes open must not delay
    // the exit itself.
    child.once('exit', (code, signal) => {
      exit = { code, signal };
      const settle = setTimeout(() => resolve({ code, signal }), 200);
      child.once('close', () => {
        clearTimeout(settle);
        resolve({ code, signal });
      });
    });
  });
  return new Promise<StartedProcess>((resolve, reject) => {
    child.once('error', reject);
    child.once('spawn', () => {
      const { pid = 0 } = child;
      const [stdout, stderr] = [(): string => join('stdout'), (): string => join('stderr')];
      resolve({ pid, stdout, stderr, output: () => join(), exit: () => exit, exited });
    });
  });
}
