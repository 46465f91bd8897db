// Envoy as a child process: the agent starts it with its bootstrap, restarts it when it dies, and
// ends it with itself.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { open, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JsonObject } from '../envoy-api/index.ts';
import { AgentError, type Log } from './error.ts';
import type { ProxyLogOptions } from './options.ts';
import { endOrphan, guardProcess } from './orphan.ts';

/** The command, and how it runs. */
export interface EnvoyProcessOptions {
  readonly binary: string;
  /** For the bootstrap and the pid; owned by one agent. */
  readonly directory: string;
  readonly bootstrap: JsonObject;
  /** Worker threads; one per core when absent. */
  readonly concurrency?: number;
  /** For how long a replaced filter chain or listener serves its open connections. */
  readonly drainTimeSeconds: number;
  /** How often access logs are written out. */
  readonly flushIntervalMs: number;
  readonly proxyLog: ProxyLogOptions;
  /** Appended to by Envoy's log and access logs; the agent's own outputs when absent. */
  readonly logFile?: string;
  readonly log: Log;
}

const firstRestartMs = 100;
const longestRestartMs = 10_000;
/** An Envoy that ran for so long is started again without delay when it dies. */
const settledMs = 30_000;
const patienceMs = 5000;

/** Keeps one Envoy running from start() to stop(). */
export class EnvoyProcess {
  readonly #options: EnvoyProcessOptions;
  #child: ChildProcess | undefined;
  #restart: NodeJS.Timeout | undefined;
  #restartMs = firstRestartMs;
  #starts = 0;
  #stopped = true;
  #spawning: Promise<void> | undefined;

  constructor(options: EnvoyProcessOptions) {
    this.#options = options;
  }

  /** How many times Envoy was started. */
  get starts(): number {
    return this.#starts;
  }

  /** Envoy's process, while there is one. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /**
   * Resolves when Envoy runs (before it is ready). Rejects with `EnvoyNotStarted` when the binary
   * cannot be run at all.
   */
  async start(): Promise<void> {
    this.#stopped = false;
    const { bootstrap, log } = this.#options;
    if (await endOrphan(this.#path('envoy.pid'), this.#path('envoy.json'))) {
      log('warn', 'ended an Envoy that an earlier agent left behind', {});
    }
    await writeFile(this.#path('envoy.json'), JSON.stringify(bootstrap, undefined, 2), { mode: 0o600 });
    await this.#spawn();
  }

  /** SIGTERM, after five seconds SIGKILL; resolves when Envoy is gone. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#restart);
    await this.#spawning?.catch(() => undefined);
    const child = this.#child;
    if (child !== undefined) {
      const exit = once(child, 'exit');
      const timer = setTimeout(() => child.kill('SIGKILL'), patienceMs);
      child.kill('SIGTERM');
      await exit;
      clearTimeout(timer);
    }
    await rm(this.#path('envoy.pid'), { force: true });
  }

  #spawn(): Promise<void> {
    this.#spawning = this.#make();
    return this.#spawning;
  }

  async #make(): Promise<void> {
    const { binary, logFile, log } = this.#options;
    const file = logFile === undefined ? undefined : await open(logFile, 'a', 0o600);
    const output = file?.fd ?? 'inherit';
    // A session of its own: Ctrl-C in a terminal reaches the agent, which drains Envoy first.
    const child = spawn(binary, this.#arguments(), { stdio: ['ignore', output, output], detached: true });
    try {
      await once(child, 'spawn');
    } catch (cause) {
      throw new AgentError('EnvoyNotStarted', `${binary} cannot be run; give another with --envoy or ENVOY_BIN`, cause);
    } finally {
      await file?.close();
    }
    const pid = child.pid ?? 0;
    const unguard = guardProcess(pid);
    const since = performance.now();
    this.#child = child;
    this.#starts += 1;
    child.once('exit', (code, signal) => {
      unguard();
      this.#child = undefined;
      if (!this.#stopped) this.#scheduleRestart(performance.now() - since, { pid, code, signal });
    });
    await writeFile(this.#path('envoy.pid'), String(pid), { mode: 0o600 });
    log('info', 'Envoy started', { pid, starts: this.#starts });
  }

  #scheduleRestart(ranMs: number, fields: Readonly<Record<string, unknown>>): void {
    if (ranMs > settledMs) this.#restartMs = firstRestartMs;
    const delay = this.#restartMs;
    this.#restartMs = Math.min(2 * delay, longestRestartMs);
    this.#options.log('error', 'Envoy died; starting it again', { ...fields, ranMs, restartInMs: delay });
    this.#restart = setTimeout(() => {
      this.#spawn().catch((error: unknown) => {
        this.#scheduleRestart(0, { reason: error instanceof Error ? error.message : String(error) });
      });
    }, delay);
  }

  #arguments(): string[] {
    const { concurrency, drainTimeSeconds, flushIntervalMs, proxyLog } = this.#options;
    return [
      '-c',
      this.#path('envoy.json'),
      '--disable-hot-restart',
      '--log-level',
      proxyLog.level,
      '--component-log-level',
      proxyLog.componentLevels,
      // Clients are told at once to use another connection, not one by one over the drain time.
      '--drain-strategy',
      'immediate',
      '--drain-time-s',
      String(drainTimeSeconds),
      '--file-flush-interval-msec',
      String(flushIntervalMs),
      ...(concurrency === undefined ? [] : ['--concurrency', String(concurrency)]),
    ];
  }

  #path(name: string): string {
    return join(this.#options.directory, name);
  }
}
