// The bookstore app as a child process: every instance listens at the address of its workload, and
// calls the others by their services' addresses, as if it knew nothing of a mesh.

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile } from 'node:fs/promises';
import type { ServiceView, WorkloadView } from '../../gateway-controller/index.ts';
import { CommandError } from '../io.ts';

/** The port of every service of the bookstore and of every instance. */
export const bookstorePort = 9080;

/** The command and its settings. */
export interface BookstoreOptions {
  /** The command line: interpreter, its options and the app's entry file. */
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly workloads: readonly WorkloadView[];
  readonly services: readonly ServiceView[];
  /** Gets the app's output. */
  readonly logFile: string;
}

/** A bookstore that is open. */
export interface Bookstore {
  readonly pid: number;
  /** Resolves when the process is gone, whatever ended it. */
  readonly ended: Promise<void>;
  readonly stop: () => Promise<void>;
}

const startTimeoutMs = 10_000;
const stopTimeoutMs = 5_000;

/**
 * Resolves when all instances listen; throws CommandError with the app's own words when one cannot.
 */
export async function startBookstore(options: BookstoreOptions): Promise<Bookstore> {
  const [program = '', ...args] = options.command;
  const log = await open(options.logFile, 'w', 0o600);
  // Over the channel of the parent the app learns that the parent is gone. The app is detached: we
  // pass Ctrl-C on, at the end.
  const child = spawn(program, [...args, '-'], {
    stdio: ['pipe', 'pipe', log.fd, 'ipc'],
    detached: true,
    env: { ...options.env },
  });
  await log.close();
  const ended = once(child, 'exit').then(() => undefined);
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(JSON.stringify(planOf(options)));
  const hasStarted = await Promise.race([
    waitForLine(child),
    ended.then(() => false),
    delay(startTimeoutMs).then(() => false),
  ]);
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs);
    await ended;
    clearTimeout(timer);
  };
  if (hasStarted) return { pid: child.pid ?? 0, ended, stop };
  if (child.exitCode === null) await stop();
  throw new CommandError(`the bookstore did not open: ${(await readFile(options.logFile, 'utf8')).trim()}`);
}

function planOf({ workloads, services }: BookstoreOptions): unknown {
  const urls = services.flatMap(({ name, addresses: [address] }) =>
    address === undefined ? [] : [[name, `http://${address}:${bookstorePort}`] as const],
  );
  const names = new Set(urls.map(([name]) => name));
  return {
    workloads: workloads.flatMap(({ address, labels: { app, version } }) =>
      app !== undefined && names.has(app) ? [{ service: app, version, address, port: bookstorePort }] : [],
    ),
    urls: Object.fromEntries(urls),
  };
}

async function waitForLine({ stdout }: ChildProcess): Promise<boolean> {
  if (stdout === null) return false;
  await once(stdout, 'data');
  stdout.resume();
  return true;
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}
