// Supervises one agent process. The agent outlives this process if that is killed, so that traffic
// goes on. The next process with the same state finds the agent and takes it over instead of
// starting a second one.

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { open, rm } from 'node:fs/promises';
import { get } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeFolder } from '../../certificates/index.ts';
import { boundFile } from './bounded-file.ts';
import { endProcess, isRunning, parseMark, readCommandLine, readProcess } from './process-table.ts';
import type { ProcessMark } from './process-table.ts';
import { readStateFields, writeState } from './state.ts';

/**
 * `starting` until the proxy has its first configuration; `restarting` while it waits for a
 * restart.
 */
export type AgentState = 'starting' | 'ready' | 'restarting' | 'stopped';

const agentLog = 'agent.log';

/** The agent to run. */
export interface AgentSupervisorOptions {
  /** The folder of the agent's files, and of our pid file and log. */
  readonly directory: string;
  /** Files that the agent and its proxy append to, beside `agent.log`. */
  readonly logFiles: readonly string[];
  /** Program and arguments; the same ones mean the same agent. */
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The address of `/healthz/ready`. */
  readonly health: { readonly address: string; readonly port: number };
  /** Called when the state changed, with the reason. */
  readonly onChange: (state: AgentState, reason: string) => void;
}

const firstDelay = 250;
const longestDelay = 10_000;
/** An agent that lived this long is restarted at once. */
const stableAfter = 10_000;
const pollInterval = 250;
const endPatience = 15_000;
/** Interval between two checks of the logs' sizes. */
const logInterval = 5_000;

/** Keeps one agent running until it is stopped. */
export class AgentSupervisor {
  readonly #options: AgentSupervisorOptions;
  readonly #stop = new AbortController();
  #state: AgentState = 'starting';
  #mark: ProcessMark | undefined;
  /** Whether the next process can find the agent. */
  #isMarked = true;
  #logsLookedAt = 0;
  #starts = 0;
  #running: Promise<void> | undefined;

  constructor(options: AgentSupervisorOptions) {
    this.#options = options;
  }

  get state(): AgentState {
    return this.#state;
  }

  get pid(): number | undefined {
    return this.#mark?.pid;
  }

  /** The number of starts of the agent by this process. */
  get starts(): number {
    return this.#starts;
  }

  /** Takes over an agent that still runs or starts one, and goes on until `stop`. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Ends the agent, which ends its Envoy; resolves when both are gone. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    if (this.#mark !== undefined) await endProcess(this.#mark, endPatience);
    this.#mark = undefined;
    await rm(markFile(this.#options.directory), { force: true });
    this.#change('stopped', 'told to');
  }

  async #run(): Promise<void> {
    let delay = firstDelay;
    while (!this.#stop.signal.aborted) {
      const began = performance.now();
      const ended = await this.#runOnce().catch((error: unknown) => `could not be started: ${String(error)}`);
      if (this.#stop.signal.aborted) return;
      if (performance.now() - began > stableAfter) delay = firstDelay;
      this.#change('restarting', ended);
      await this.#pause(delay);
      delay = Math.min(delay * 2, longestDelay);
    }
  }

  /** One life of an agent; resolves to how it ended, or when the supervisor is stopped. */
  async #runOnce(): Promise<string> {
    const adopted = await adoptAgent(this.#options);
    if (adopted !== undefined) {
      this.#mark = adopted;
      this.#change('starting', `taken over from an earlier run, pid ${adopted.pid}`);
      await this.#watch(() => false);
      return 'ended';
    }
    const child = await this.#spawn();
    let exit: string | undefined;
    child.once('error', (error) => (exit = error.message));
    child.once('exit', (code, signal) => (exit = `ended with ${signal ?? `exit code ${code}`}`));
    await this.#watch(() => exit !== undefined);
    return exit ?? 'ended';
  }

  async #spawn(): Promise<ChildProcess> {
    const { directory, command, env } = this.#options;
    const [program = '', ...args] = command;
    await makeFolder(directory);
    const log = await open(join(directory, agentLog), 'a', 0o600);
    try {
      // A file and not a pipe: nobody may read the pipe once we are gone. The agent is detached: we
      // pass Ctrl-C on.
      const child = spawn(program, args, { stdio: ['ignore', log.fd, log.fd], detached: true, env: { ...env } });
      child.unref();
      this.#starts += 1;
      const mark = child.pid === undefined ? undefined : await readProcess(child.pid);
      this.#mark = mark;
      this.#isMarked = false;
      await this.#keepMark();
      this.#change('starting', `pid ${child.pid}`);
      return child;
    } finally {
      await log.close();
    }
  }

  /**
   * An agent whose pid cannot be written runs all the same, since starting another one would be
   * worse. The write is retried.
   */
  async #keepMark(): Promise<void> {
    if (this.#isMarked || this.#mark === undefined) return;
    const path = markFile(this.#options.directory);
    this.#isMarked = await writeState(path, JSON.stringify(this.#mark)).then(
      () => true,
      () => false,
    );
  }

  async #boundLogs(): Promise<void> {
    if (Date.now() - this.#logsLookedAt < logInterval) return;
    this.#logsLookedAt = Date.now();
    const { directory, logFiles } = this.#options;
    for (const file of [join(directory, agentLog), ...logFiles]) await boundFile(file).catch(() => undefined);
  }

  /** Follows the agent until it is gone or the supervisor is stopped. */
  async #watch(hasExited: () => boolean): Promise<void> {
    const mark = this.#mark;
    if (mark === undefined) return;
    while (!this.#stop.signal.aborted && !hasExited() && (await isRunning(mark))) {
      if (this.#state !== 'ready' && (await isReady(this.#options.health))) this.#change('ready', `pid ${mark.pid}`);
      await this.#keepMark();
      await this.#boundLogs();
      await this.#pause(this.#state === 'ready' ? pollInterval : pollInterval / 5);
    }
    if (!this.#stop.signal.aborted) this.#mark = undefined;
  }

  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#stop.signal }).catch(() => undefined);
  }

  #change(state: AgentState, reason: string): void {
    this.#state = state;
    this.#options.onChange(state, reason);
  }
}

/** Ends the agent that an earlier process left in `directory`, if it still runs. */
export async function endLeftAgent(directory: string): Promise<void> {
  const mark = parseMark(await readStateFields(markFile(directory)));
  if (mark !== undefined && (await isRunning(mark))) await endProcess(mark, endPatience);
  await rm(markFile(directory), { force: true });
}

/**
 * The agent that an earlier process left, if it still runs as it would be started now; one that
 * runs in another way is ended.
 */
async function adoptAgent({ directory, command }: AgentSupervisorOptions): Promise<ProcessMark | undefined> {
  const mark = parseMark(await readStateFields(markFile(directory)));
  if (mark === undefined || !(await isRunning(mark))) return undefined;
  if ((await readCommandLine(mark.pid)).join('\0') === command.join('\0')) return mark;
  await endLeftAgent(directory);
  return undefined;
}

function markFile(directory: string): string {
  return join(directory, 'agent.json');
}

/** Whether the proxy says that it is ready. */
export function isReady({ address, port }: { readonly address: string; readonly port: number }): Promise<boolean> {
  return new Promise((resolve) => {
    const call = get({ host: address, port, path: '/healthz/ready', agent: false, timeout: 1_000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    call.once('timeout', () => call.destroy());
    call.once('error', () => resolve(false));
    call.once('close', () => resolve(false));
  });
}
