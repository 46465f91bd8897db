// The tools of the tour's steps: they ask as a workload, edit the directory, read the access log
// and the Findings.

import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { get } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FindingView } from '../../gateway-controller/index.ts';
import { countLines, findEnd, waitForLine } from './access-log.ts';
import type { LogLine } from './access-log.ts';
import { bookstorePort } from './bookstore.ts';
import type { Check } from './check.ts';
import { createClient } from './client.ts';
import type { Answer, Client } from './client.ts';
import type { DemoMesh } from './demo-mesh.ts';

/** One step of the tour. A step leaves the directory as it found it. */
export interface TourStep {
  readonly title: string;
  readonly walk: (tour: Tour) => Promise<readonly Check[]>;
}

/** The workloads that ask. */
export type Asker = 'sleep' | 'notsleep';

/** One question of the tour. */
export interface AskOptions {
  readonly method?: string;
  /** Milliseconds. */
  readonly timeout?: number;
}

/** An answer, and the name of the request in the log. */
export interface LoggedAnswer extends Answer {
  readonly userAgent: string;
}

/** An edit that has been seen. */
export interface Effect {
  /**
   * Milliseconds from just before the file was written to the end of the first answer that shows
   * it.
   */
  readonly after: number;
  readonly answer: LoggedAnswer;
}

/** How long an edit may take to be seen. */
export const effectLimitMs = 10_000;
/** The number of requests of `askMany` that are pending at a time. */
export const parallelRequests = 16;
const pollMs = 2;

/** A walk through one demo. */
export class Tour {
  readonly #mesh: DemoMesh;
  readonly #onProgress: (text: string) => void;
  readonly #stop: AbortSignal;
  readonly #clients = new Map<Asker, Client>();
  #asked = 0;
  #logStart = 0;
  #lastWrite = 0;

  /**
   * When `stop` aborts, waiting steps reject, and steps that ask or write fail because the mesh is
   * ending.
   */
  constructor(mesh: DemoMesh, onProgress: (text: string) => void, stop: AbortSignal) {
    this.#mesh = mesh;
    this.#onProgress = onProgress;
    this.#stop = stop;
  }

  /** The directory that is edited. */
  get directory(): string {
    return this.#mesh.places.manifests;
  }

  /** The address of the app's workload; of the first one when it has several. */
  workloadAddress(app: string): string {
    return this.#mesh.workloadAddress(app);
  }

  /** The log begins here: lines of earlier steps are not read again. */
  async begin(): Promise<void> {
    this.#logStart = await findEnd(this.#mesh.waypoint.logFile);
  }

  /** Asks on a connection of its own; rejects when there is no answer. */
  async ask(from: Asker, service: string, path: string, options: AskOptions = {}): Promise<LoggedAnswer> {
    const client = this.#clients.get(from) ?? createClient(this.#mesh.workloadAddress(from));
    this.#clients.set(from, client);
    const userAgent = this.#nextUserAgent();
    return { ...(await client.ask({ ...this.#question(service, path), ...options, userAgent })), userAgent };
  }

  /**
   * Asks `count` times, several at once, on connections that are kept. A request without an answer
   * counts as status 0.
   */
  async askMany(count: number, from: Asker, service: string, path: string): Promise<readonly LoggedAnswer[]> {
    const client = createClient(this.#mesh.workloadAddress(from), parallelRequests);
    const question = this.#question(service, path);
    const answers: LoggedAnswer[] = [];
    let started = 0;
    const askOn = async (): Promise<void> => {
      while (started < count && !this.#stop.aborted) {
        started += 1;
        const userAgent = this.#nextUserAgent();
        const none: Answer = { status: 0, headers: {}, body: '', duration: 0 };
        answers.push({ ...(await client.ask({ ...question, userAgent }).catch(() => none)), userAgent });
        this.progress(`${answers.length} of ${count} requests to ${service}`);
      }
    };
    await Promise.all(Array.from({ length: parallelRequests }, askOn));
    client.close();
    return answers;
  }

  /** Copies one of the tour's edits into the directory, under its own name or another. */
  async copy(edit: string, name: string = edit): Promise<void> {
    await this.#write(await readFile(join(this.#mesh.examples.edits, edit), 'utf8'), name);
  }

  /** Puts a file of the start back. */
  async restore(name: string): Promise<void> {
    await this.#write(await readFile(join(this.#mesh.examples.manifests, name), 'utf8'), name);
  }

  /** Changes a file of the directory as an editor does. */
  async edit(name: string, change: (text: string) => string): Promise<string> {
    const changed = change(await readFile(join(this.directory, name), 'utf8'));
    await this.#write(changed, name);
    return changed;
  }

  /** Deletes files; those that are not there are fine. */
  async remove(...names: readonly string[]): Promise<void> {
    this.#lastWrite = performance.now();
    await Promise.all(names.map((name) => rm(join(this.directory, name), { force: true })));
  }

  /**
   * Asks again and again until an answer shows the last edit; rejects after ten seconds. Each
   * request has a connection of its own, and leaves when the one before was answered. So the time
   * is that of the first request that shows the edit, as a client sees it.
   */
  async waitForEffect(
    what: string,
    ask: () => Promise<LoggedAnswer>,
    isSeen: (answer: LoggedAnswer) => boolean,
  ): Promise<Effect> {
    this.progress(`waiting until ${what}`);
    let last = 'no answer';
    for (;;) {
      this.#stop.throwIfAborted();
      const answer = await ask().catch((error: Error) => {
        last = error.message;
        return undefined;
      });
      const after = performance.now() - this.#lastWrite;
      if (answer !== undefined) {
        if (isSeen(answer)) return { after, answer };
        last = `status ${answer.status}`;
      }
      if (after > effectLimitMs)
        throw new Error(`waited ${effectLimitMs / 1_000} s in vain until ${what}; last: ${last}`);
      await sleep(pollMs);
    }
  }

  /** The waypoint's access log line of a request; undefined when there is none. */
  findLine({ userAgent }: LoggedAnswer): Promise<LogLine | undefined> {
    return waitForLine(this.#mesh.waypoint.logFile, this.#logStart, (line) => line['user_agent'] === userAgent);
  }

  /** The number of lines that the waypoint wrote about these requests. */
  countLines(answers: readonly LoggedAnswer[]): Promise<number> {
    const names = new Set<unknown>(answers.map(({ userAgent }) => userAgent));
    return countLines(this.#mesh.waypoint.logFile, this.#logStart, (line) => names.has(line['user_agent']));
  }

  /** The Findings of the admin interface; infos are not part of the tour. */
  async readFindings(): Promise<readonly FindingView[]> {
    const url = `${this.#mesh.endpoints.admin}/api/findings`;
    const body = await new Promise<string>((resolve, reject) => {
      get(url, { agent: false }, (response) => resolve(text(response))).on('error', reject);
    });
    return (JSON.parse(body) as readonly FindingView[]).filter(({ severity }) => severity !== 'info');
  }

  /** The Findings, as soon as they are as wanted, or as they are after ten seconds. */
  async waitForFindings(isWanted: (findings: readonly FindingView[]) => boolean): Promise<readonly FindingView[]> {
    const end = Date.now() + effectLimitMs;
    for (;;) {
      this.#stop.throwIfAborted();
      const findings = await this.readFindings();
      if (isWanted(findings) || Date.now() > end) return findings;
      await sleep(20);
    }
  }

  /** Reports the progress of a long step. */
  progress(text: string): void {
    this.#onProgress(text);
  }

  async #write(text: string, name: string): Promise<void> {
    this.#lastWrite = performance.now();
    const target = join(this.directory, name);
    // Written as editors do: the reader sees the old file or the new one. The dot keeps the
    // half-written file from being read.
    const temporary = join(this.directory, `.${name}.tmp`);
    await writeFile(temporary, text);
    await rename(temporary, target);
  }

  #question(host: string, path: string): { address: string; port: number; host: string; path: string } {
    return { address: this.#mesh.serviceAddress(host), port: bookstorePort, host, path };
  }

  #nextUserAgent(): string {
    this.#asked += 1;
    return `cairn-tour/${this.#asked}`;
  }
}
