// A queue of keys: the work of a key is done once, however often it is asked for meanwhile. Failed
// work is retried with back-off. A key that is written often, because another writer undoes the
// write, is held back longer each time, so that two writers who disagree do not flood the API.

/** The settings of a queue. */
export interface WorkQueueOptions {
  /** Does the work of a key; true when it wrote something. A rejection is retried. */
  readonly work: (key: string) => Promise<boolean>;
  readonly onError: (key: string, error: unknown, retryMs: number) => void;
  /** Keys that are worked on at once; 4 by default. */
  readonly concurrency?: number;
  /**
   * Milliseconds of the first and of the longest pause after failures; 200 and 60,000 by default.
   */
  readonly backOff?: { readonly firstMs: number; readonly longestMs: number };
  /** Writes of one key within a minute that are not held back; 10 by default. */
  readonly burst?: number;
  readonly random?: () => number;
}

interface KeyState {
  failures: number;
  /** Times of writes within the last minute, in milliseconds since 1970. */
  writes: number[];
  timer: NodeJS.Timeout | undefined;
}

const windowMs = 60_000;
/** The leadership of a replica may end while it waits: then it waits no longer. */
const patienceMs = 1_500;

/** Runs from construction until `stop`. */
export class WorkQueue {
  readonly #options: WorkQueueOptions;
  readonly #waiting = new Set<string>();
  readonly #running = new Map<string, Promise<void>>();
  /** Requested again while being worked on. */
  readonly #again = new Set<string>();
  readonly #states = new Map<string, KeyState>();
  #isStopped = false;
  #isScheduled = false;
  #sweepAt = 1_000;

  constructor(options: WorkQueueOptions) {
    this.#options = options;
  }

  /** Keys that wait, are worked on, or will be retried. */
  get size(): number {
    const retries = [...this.#states].filter(
      ([key, { timer }]) => timer !== undefined && !this.#waiting.has(key) && !this.#running.has(key),
    );
    return this.#waiting.size + this.#running.size + retries.length;
  }

  /** Requests the work of a key: soon, or after its pause. */
  add(key: string): void {
    if (this.#isStopped) return;
    if (this.#running.has(key)) {
      this.#again.add(key);
      return;
    }
    const state = this.#states.get(key);
    if (state?.timer !== undefined) return;
    const pause = this.#cooldown(state);
    if (pause > 0) this.#delay(key, pause);
    else this.#enqueue(key);
  }

  /**
   * Ends everything. Settles when no work is pending any more, or when the API takes too long to
   * answer.
   */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#waiting.clear();
    this.#again.clear();
    for (const { timer } of this.#states.values()) clearTimeout(timer);
    this.#states.clear();
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, patienceMs);
    });
    await Promise.race([Promise.all(this.#running.values()), patience]);
    clearTimeout(timer);
  }

  #enqueue(key: string): void {
    this.#waiting.add(key);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    // One turn of the event loop for each batch: adding thousands of keys must not delay streams.
    setImmediate(() => {
      this.#isScheduled = false;
      this.#drain();
    });
  }

  #drain(): void {
    const end = performance.now() + 10;
    for (const key of this.#waiting) {
      if (this.#isStopped || this.#running.size >= (this.#options.concurrency ?? 4)) return;
      if (performance.now() > end) {
        this.#enqueue(key);
        return;
      }
      this.#waiting.delete(key);
      this.#running.set(key, this.#run(key));
    }
  }

  async #run(key: string): Promise<void> {
    try {
      const wrote = await this.#options.work(key);
      const state = this.#states.get(key);
      if (state !== undefined) state.failures = 0;
      if (wrote) this.#stateOf(key).writes.push(performance.now());
    } catch (error) {
      if (!this.#isStopped) this.#fail(key, error);
    } finally {
      this.#running.delete(key);
      const state = this.#states.get(key);
      if (state?.timer === undefined && state?.failures === 0 && state.writes.length === 0) this.#states.delete(key);
      if (this.#again.delete(key)) this.add(key);
      if (this.#waiting.size > 0 && !this.#isStopped) this.#drain();
    }
  }

  #fail(key: string, error: unknown): void {
    const state = this.#stateOf(key);
    const { firstMs, longestMs } = this.#options.backOff ?? { firstMs: 200, longestMs: 60_000 };
    const random = this.#options.random ?? Math.random;
    const pause = Math.min(firstMs * 2 ** state.failures, longestMs) * (0.5 + random() / 2);
    state.failures += 1;
    this.#options.onError(key, error, pause);
    this.#delay(key, pause);
  }

  #delay(key: string, ms: number): void {
    const state = this.#stateOf(key);
    state.timer = setTimeout(() => {
      state.timer = undefined;
      if (!this.#isStopped) this.#enqueue(key);
    }, ms);
    state.timer.unref();
  }

  /** Milliseconds that a key must wait because it was written often. */
  #cooldown(state: KeyState | undefined): number {
    if (state === undefined) return 0;
    const now = performance.now();
    state.writes = state.writes.filter((time) => time > now - windowMs);
    const over = state.writes.length - (this.#options.burst ?? 10);
    const rest = over < 0 ? 0 : Math.min(1_000 * 2 ** over, windowMs);
    return Math.max(0, (state.writes.at(-1) ?? 0) + rest - now);
  }

  #stateOf(key: string): KeyState {
    const known = this.#states.get(key);
    if (known !== undefined) return known;
    if (this.#states.size >= this.#sweepAt) this.#sweep();
    const state: KeyState = { failures: 0, writes: [], timer: undefined };
    this.#states.set(key, state);
    return state;
  }

  /** Forgets keys that have been idle: objects are added and removed. */
  #sweep(): void {
    const recent = performance.now() - windowMs;
    for (const [key, { failures, timer, writes }] of this.#states) {
      const isAtRest = failures === 0 && timer === undefined && (writes.at(-1) ?? -Infinity) < recent;
      if (isAtRest && !this.#running.has(key)) this.#states.delete(key);
    }
    this.#sweepAt = Math.max(1_000, 2 * this.#states.size);
  }
}
