// The pace of a source that is told of single changes: a lone change is passed on at once, and a storm of them in a few steps.

/** The longest that a change waits for others, in milliseconds. */
const maxPauseMs = 20;

/** Calls `step` for what has come since the last time. */
export class Pace {
  readonly #step: () => void;
  #timer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;
  #lastEnd = 0;
  #lastDuration = 0;

  constructor(step: () => void) {
    this.#step = step;
  }

  /** Sees to it that a step is taken soon; once, however often it is asked before. */
  plan(): void {
    if (this.#timer !== undefined || this.#immediate !== undefined) return;
    // As long again as the last step took, so that steps take half of the time at most and a storm is a few of them.
    const pause = Math.min(maxPauseMs, this.#lastDuration) - (performance.now() - this.#lastEnd);
    if (pause > 0) {
      this.#timer = setTimeout(() => this.take(), pause);
    } else {
      // What arrived in the same packet is one change.
      this.#immediate = setImmediate(() => this.take());
    }
  }

  /** Takes a step now, in place of one that is planned. */
  take(): void {
    this.stop();
    const start = performance.now();
    this.#step();
    this.#lastEnd = performance.now();
    this.#lastDuration = this.#lastEnd - start;
  }

  /** Takes back what is planned. */
  stop(): void {
    clearTimeout(this.#timer);
    if (this.#immediate !== undefined) clearImmediate(this.#immediate);
    this.#timer = undefined;
    this.#immediate = undefined;
  }
}
