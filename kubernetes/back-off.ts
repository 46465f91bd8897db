// Back-off: the waits between attempts grow with each failure, with jitter, so that two clients
// that failed together do not retry together.

/** Bounds of the waits, in milliseconds. */
export interface BackOff {
  readonly baseMs: number;
  readonly maxMs: number;
}

/**
 * The wait after the nth failure in a row (from 1): between one and two times the doubled base, at
 * most `maxMs`.
 */
export function backOffMs({ baseMs, maxMs }: BackOff, failures: number, random: () => number): number {
  return Math.min(maxMs, baseMs * 2 ** Math.min(failures - 1, 30) * (1 + random()));
}

/** Resolves after `ms`, or at once when the signal is aborted. */
export function wait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });
}
