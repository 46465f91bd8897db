// Timers by the wall clock. Node's timers do not count the time that a machine sleeps, and do not
// see that its clock was set. An alarm that waits for an end of validity therefore looks at the
// clock now and then.

/** Longest time between two looks at the clock, in milliseconds. */
export const longestWaitMs = 30_000;
/**
 * Certificates and tokens begin a little before they are issued: a clock that goes back by less
 * changes nothing.
 */
const toleranceMs = 60_000;

/**
 * Whether a validity from `begin` to `end` is over, also by a clock that was set back to before
 * `begin`.
 */
export function isOver(begin: number, end: number, now: number): boolean {
  return now >= end || now < begin - toleranceMs;
}

/** One action at a time of the wall clock. */
export class Alarm {
  #timer: NodeJS.Timeout | undefined;

  /**
   * Calls `action` once after `ms` by the wall clock; replaces an earlier call. It does not keep
   * the process alive.
   */
  set(ms: number, action: () => void): void {
    this.clear();
    const begin = Date.now();
    const end = begin + ms;
    const wait = (): void => {
      this.#timer = setTimeout(look, Math.max(0, Math.min(end - Date.now(), longestWaitMs)));
      this.#timer.unref();
    };
    const look = (): void => {
      if (!isOver(begin, end, Date.now())) return wait();
      this.#timer = undefined;
      action();
    };
    wait();
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
