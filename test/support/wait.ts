// The one way of the tests to wait: for a condition, not for a time.

import { setTimeout as sleep } from 'node:timers/promises';

/** Settings of a wait; times in milliseconds. */
export interface WaitOptions {
  /** 10,000 by default. */
  readonly timeout?: number;
  /** Between two tries; 20 by default. */
  readonly interval?: number;
  /** The awaited event, for the error message; by default the text of the condition. */
  readonly what?: string;
  /** The state that is seen instead, for the error message. */
  readonly seen?: () => unknown;
  /** The reason why the condition can no longer come true; the wait ends at once with it. */
  readonly hopeless?: () => string | undefined;
}

/**
 * Resolves to the first value of `condition` that is neither false nor undefined. An error of
 * `condition` is a failed try. When the time is over, the wait rejects with the awaited event and
 * the last state.
 */
export async function waitFor<T>(
  condition: () => T | false | undefined | Promise<T | false | undefined>,
  options: WaitOptions = {},
): Promise<T> {
  const { timeout = 10_000, interval = 20, what = String(condition), hopeless } = options;
  const end = performance.now() + timeout;
  for (;;) {
    let error: Error | undefined;
    try {
      const value = await condition();
      if (value !== false && value !== undefined) return value;
    } catch (caught) {
      error = caught instanceof Error ? caught : new Error('what was thrown is no error', { cause: caught });
    }
    const reason = hopeless?.() ?? (performance.now() > end ? `not within ${timeout} ms` : undefined);
    if (reason !== undefined) throw new Error(describe(what, reason, error, options.seen), { cause: error });
    await sleep(interval);
  }
}

function describe(what: string, reason: string, error?: Error, seen?: () => unknown): string {
  const value = seen?.();
  const last = [error?.message, typeof value === 'string' ? value : JSON.stringify(value)].filter(
    (each) => each !== undefined,
  );
  return `waited for ${what}: ${reason}${last.length === 0 ? '' : `; seen last: ${last.join('; ')}`}`;
}
