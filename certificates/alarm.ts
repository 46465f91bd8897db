// Doing something in time by the wall clock. Timers do not count the time that a machine sleeps, and do not see that its clock was set:
// what waits for an end of validity looks at the clock now and then.

/** Longest time between two looks at the clock, in milliseconds. */
export const longestWaitMs = 30_000;
/** Certificates and tokens begin a little before they are issued: a clock that goes back by less changes nothing. */
const toleranceMs = 60_000;

/** Whether something that began at `begin` and was to last until `end` is over: also by a clock that was set back to before it began. */
export function isOver(begin: number, end: number, now: number): boolean {
  return now >= end || now < begin - toleranceMs;
}

/** One thing to be done at a time of the wall clock. */
export class Alarm {
  #timer: NodeJS.Timeout | undefined;

  /** Calls `action` once after `ms` by the wall clock, in place of what was set before. It keeps no process alive. */
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
