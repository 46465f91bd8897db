// The reflector follows one kind of object of the API: a list, then a watch that goes on from
// there, and a new list when the API has forgotten the place. It hands on what it sees, and stores
// only its place.

import { type BackOff, backOffMs, wait } from './back-off.ts';
import type { ApiClient } from './client.ts';
import { ApiError } from './errors.ts';
import { type ApiResource, apiVersionOf, type KubernetesObject } from './resource.ts';
import { readLines } from './watch-lines.ts';

/** One change of one object; `object` is its last state if it was deleted. */
export interface ReflectorEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: KubernetesObject;
}

/** The reason why there is no news of the objects, or none at all. */
export interface ReflectorProblem {
  /**
   * KubernetesApi, KubernetesUnreachable, KubernetesAccess, KindMissing, WatchBroken,
   * HandlerFailed.
   */
  readonly code: string;
  readonly message: string;
}

/**
 * The time limits of a Reflector, in milliseconds; the defaults are for clusters, others for tests.
 */
export interface ReflectorTiming {
  readonly backOff: BackOff;
  /**
   * A watch without a byte for this long is opened again. The API sends a bookmark about every
   * minute.
   */
  readonly silenceMs: number;
  /**
   * The first and the longest interval between two checks for a kind that the API does not have.
   */
  readonly missing: readonly [number, number];
  /** A watch that ends sooner, without an event, counts as a failure. */
  readonly shortWatchMs: number;
}

/** Settings of a Reflector. */
export interface ReflectorOptions {
  readonly client: ApiClient;
  readonly resource: ApiResource;
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
  /** Trims each object as soon as it was read. */
  readonly transform?: (object: KubernetesObject) => KubernetesObject;
  /** All objects that exist: others are gone. */
  readonly onReplace: (objects: readonly KubernetesObject[]) => void;
  readonly onEvent: (event: ReflectorEvent) => void;
  /** Called once for each problem until it is over. */
  readonly onProblem: (problem: ReflectorProblem) => void;
  readonly random?: () => number;
  readonly timing?: Partial<ReflectorTiming>;
}

const defaultTiming: ReflectorTiming = {
  backOff: { baseMs: 500, maxMs: 30_000 },
  silenceMs: 75_000,
  missing: [10_000, 30_000],
  shortWatchMs: 1_000,
};

/**
 * The number of times that the API must report a kind as missing before a kind that was there is
 * believed to be gone.
 */
const sightingsOfAbsence = 3;

/** List and watch of one kind, until it is stopped. */
export class Reflector {
  /**
   * Settles with the first complete list, or when the kind is known to be missing; rejects when
   * stopped before.
   */
  readonly synced: Promise<void>;
  readonly #options: ReflectorOptions;
  readonly #timing: ReflectorTiming;
  readonly #random: () => number;
  readonly #stopped = new AbortController();
  #settleSynced: { readonly resolve: () => void; readonly reject: (error: Error) => void };
  #running: Promise<void> | undefined;
  #resource: ApiResource;
  #resourceVersion: string | undefined;
  #isSynced = false;
  #wasServed = false;
  #isMissing = false;
  #absences = 0;
  #failures = 0;
  #problem: ReflectorProblem | undefined;

  constructor(options: ReflectorOptions) {
    this.#options = options;
    this.#resource = options.resource;
    this.#timing = { ...defaultTiming, ...options.timing };
    this.#random = options.random ?? Math.random;
    this.#settleSynced = { resolve: () => {}, reject: () => {} };
    this.synced = new Promise((resolve, reject) => {
      this.#settleSynced = { resolve, reject };
    });
    // The caller need not wait for it.
    this.synced.catch(() => {});
  }

  /** True once `synced` is fulfilled; a later outage does not change it. */
  get isSynced(): boolean {
    return this.#isSynced;
  }

  /** The current problem. */
  get problem(): ReflectorProblem | undefined {
    return this.#problem;
  }

  start(): void {
    this.#running ??= this.#follow();
  }

  /** Ends the watch; nothing is called afterwards. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
    this.#settleSynced.reject(new Error(`the watch of ${this.#resource.plural} was stopped before its first list`));
  }

  async #follow(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      try {
        if (this.#resourceVersion === undefined) await this.#list();
        if (this.#isMissing) {
          const [from, to] = this.#timing.missing;
          await wait(from + (to - from) * this.#random(), signal);
        } else if (this.#resourceVersion !== undefined) await this.#watch(this.#resourceVersion);
      } catch (error) {
        if (!signal.aborted) await this.#afterFailure(error);
      }
    }
  }

  async #list(): Promise<void> {
    const { client, transform, namespace, labelSelector, fieldSelector } = this.#options;
    const { signal } = this.#stopped;
    try {
      const options = { namespace, labelSelector, fieldSelector, transform, signal };
      const { objects, resourceVersion } = await client.readList(this.#resource, options);
      if (signal.aborted) return;
      this.#replace(objects);
      this.#resourceVersion = resourceVersion;
      this.#wasServed = true;
      this.#isMissing = false;
      this.#absences = 0;
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 404)) throw error;
      await this.#lookForKind(error);
    }
  }

  /**
   * The API says that the kind is missing: it may have an older version of it, or it may only be
   * starting.
   */
  async #lookForKind(cause: ApiError): Promise<void> {
    const { client, resource } = this.#options;
    await this.#throwUnlessReady();
    for (const version of [resource.version, ...(resource.olderVersions ?? [])]) {
      const candidate = { ...resource, version };
      if (!(await client.serves(candidate))) continue;
      if (version === this.#resource.version) throw cause;
      this.#resource = candidate;
      await this.#list();
      return;
    }
    if (this.#stopped.signal.aborted) return;
    this.#absences += 1;
    if (this.#wasServed && this.#absences < sightingsOfAbsence) throw cause;
    if (!this.#isMissing) this.#replace([]);
    this.#isMissing = true;
    this.#wasServed = false;
    const what = `${resource.kind} (${apiVersionOf(resource)})`;
    this.#report({
      code: 'KindMissing',
      message: `the cluster does not have the kind ${what}: there are no such objects`,
    });
  }

  /** A server that starts does not know its CustomResourceDefinitions yet, and says so here. */
  async #throwUnlessReady(): Promise<void> {
    try {
      await this.#options.client.request('GET', '/readyz', { signal: this.#stopped.signal });
    } catch (error) {
      // Not every client may ask.
      if (!(error instanceof ApiError) || error.status >= 500) throw error;
    }
  }

  #replace(objects: readonly KubernetesObject[]): void {
    callHandler(() => this.#options.onReplace(objects));
    if (this.#isSynced) return;
    this.#isSynced = true;
    this.#settleSynced.resolve();
  }

  /** Follows one watch to its end. Throws when it ends in a way that it should not. */
  async #watch(resourceVersion: string): Promise<void> {
    const { client, namespace, labelSelector, fieldSelector } = this.#options;
    const attempt = new AbortController();
    const stop = (): void => attempt.abort();
    this.#stopped.signal.addEventListener('abort', stop);
    const startedAt = performance.now();
    let isSilent = false;
    let events = 0;
    let silence: NodeJS.Timeout | undefined;
    let proof: NodeJS.Timeout | undefined;
    const listen = (): void => {
      clearTimeout(silence);
      silence = setTimeout(() => {
        isSilent = true;
        attempt.abort();
      }, this.#timing.silenceMs);
    };
    try {
      const timeoutSeconds = Math.round(300 + 300 * this.#random());
      const selection = { namespace, labelSelector, fieldSelector };
      const response = await client.watch(this.#resource, {
        ...selection,
        resourceVersion,
        timeoutSeconds,
        signal: attempt.signal,
      });
      listen();
      // An answer alone proves nothing: the API may say in the next moment that it has forgotten
      // our place.
      proof = setTimeout(() => this.#recover(), this.#timing.shortWatchMs);
      for await (const lines of readLines(response)) {
        listen();
        for (const line of lines) {
          if (this.#stopped.signal.aborted) return;
          this.#take(line);
          events += 1;
        }
      }
    } catch (error) {
      if (!isSilent) throw error;
    } finally {
      clearTimeout(silence);
      clearTimeout(proof);
      this.#stopped.signal.removeEventListener('abort', stop);
    }
    if (events > 0 || performance.now() - startedAt > this.#timing.shortWatchMs) return;
    throw new WatchError(`the API ends each watch of ${this.#resource.plural} at once`);
  }

  #take(line: string): void {
    const { type, object } = parseEvent(line);
    if (type === 'ERROR') throw errorOfEvent(this.#resource, object);
    if (type !== 'BOOKMARK') {
      const { transform = (same) => same, onEvent } = this.#options;
      callHandler(() => onEvent({ type, object: transform(object) }));
    }
    // The place moves only now: an event that was not handed on must come again.
    this.#resourceVersion = object.metadata.resourceVersion ?? this.#resourceVersion;
    this.#recover();
  }

  async #afterFailure(error: unknown): Promise<void> {
    this.#failures += 1;
    const isExpired = error instanceof ApiError && error.status === 410;
    if (mustListAgain(error, this.#failures)) this.#resourceVersion = undefined;
    // A watch that breaks is opened again. If that works, there is nothing to report.
    const isNews = this.#resourceVersion === undefined || this.#failures > 1;
    if (isNews && !(isExpired && this.#failures === 1)) this.#report(problemOf(error));
    // The first 410 is no failure: the API has forgotten our place, and a list is the way on.
    const failures = isExpired ? this.#failures - 1 : this.#failures;
    if (failures > 0) await wait(backOffMs(this.#timing.backOff, failures, this.#random), this.#stopped.signal);
  }

  #recover(): void {
    this.#failures = 0;
    this.#problem = undefined;
  }

  #report(problem: ReflectorProblem): void {
    const isKnown = this.#problem?.code === problem.code && this.#problem.message === problem.message;
    this.#problem = problem;
    if (!isKnown) callHandler(() => this.#options.onProblem(problem));
  }
}

/** The stream of a watch is malformed. */
class WatchError extends Error {
  readonly code = 'WatchBroken';
}

/**
 * A function of the Reflector's owner threw. The owner's state may be anything, so it gets
 * everything anew.
 */
class HandlerError extends Error {
  readonly code = 'HandlerFailed';
}

function callHandler(call: () => void): void {
  try {
    call();
  } catch (error) {
    throw new HandlerError(`a handler of changes failed: ${(error as Error).stack ?? String(error)}`, { cause: error });
  }
}

type WatchEvent = {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: KubernetesObject;
};

function parseEvent(line: string): WatchEvent {
  try {
    const event = JSON.parse(line) as Partial<WatchEvent>;
    const { type, object } = event;
    if (type !== undefined && object !== undefined && (type === 'ERROR' || object.metadata !== undefined))
      return { type, object };
  } catch {
    // The error is reported below.
  }
  throw new WatchError(`the watch sent what is no event: ${line.slice(0, 200)}`);
}

function errorOfEvent(resource: ApiResource, object: KubernetesObject): ApiError {
  const status = object as { readonly code?: number; readonly message?: string; readonly reason?: string };
  return new ApiError(`watch ${resource.plural}`, status.code ?? 500, status, '');
}

/**
 * Events that may be lost are requested again; a watch that only broke off goes on from its place.
 */
function mustListAgain(error: unknown, failures: number): boolean {
  if (error instanceof ApiError) return (error.status < 500 && error.status !== 429) || failures > 3;
  return error instanceof WatchError || error instanceof HandlerError;
}

function problemOf(error: unknown): ReflectorProblem {
  const { code = 'WatchBroken', message } = error as NodeJS.ErrnoException;
  const isOurs = ['KubernetesApi', 'KubernetesUnreachable', 'KubernetesAccess', 'HandlerFailed'].includes(code);
  return { code: isOurs ? code : 'WatchBroken', message };
}
