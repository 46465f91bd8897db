// The pace of a source that gets single changes: it passes on a lone change at once, and a storm in
// a few steps.

/** The longest time that a change waits for others, in milliseconds. */
const maxPauseMs = 20;

/** Calls `step` for the changes since the last call. */
export class Pace {
  readonly #step: () => void;
  #timer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;
  #lastEnd = 0;
  #lastDuration = 0;

  constructor(step: () => void) {
    this.#step = step;
  }

  /** Plans a step soon; several calls plan one step. */
  plan(): void {
    if (this.#timer !== undefined || this.#immediate !== undefined) return;
    // The pause is as long as the last step, so that steps take at most half of the time and a
    // storm is a few steps.
    const pause = Math.min(maxPauseMs, this.#lastDuration) - (performance.now() - this.#lastEnd);
    if (pause > 0) {
      this.#timer = setTimeout(() => this.take(), pause);
    } else {
      // Changes that arrive in one packet are one change.
      this.#immediate = setImmediate(() => this.take());
    }
  }

  /** Takes a step now, in place of a planned one. */
  take(): void {
    this.stop();
    const start = performance.now();
    this.#step();
    this.#lastEnd = performance.now();
    this.#lastDuration = this.#lastEnd - start;
  }

  /** Cancels a planned step. */
  stop(): void {
    clearTimeout(this.#timer);
    if (this.#immediate !== undefined) clearImmediate(this.#immediate);
    this.#timer = undefined;
    this.#immediate = undefined;
  }
}
