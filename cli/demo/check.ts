// One comparison of a step of the tour: the expected and the observed value, and whether they
// agree. Pure.

/** One comparison, as text for people. */
export interface Check {
  readonly what: string;
  readonly expected: string;
  readonly observed: string;
  readonly agrees: boolean;
}

/** Agrees when both texts are the same. */
export function compare(what: string, expected: string | number, observed: string | number | undefined): Check {
  const seen = observed === undefined ? 'nothing' : String(observed);
  return { what, expected: String(expected), observed: seen, agrees: seen === String(expected) };
}

/** Agrees when the time is within the limits; all in milliseconds. */
export function compareTime(what: string, { from = 0, to }: { from?: number; to: number }, observed: number): Check {
  const expected = from === 0 ? `within ${formatTime(to)}` : `${formatTime(from)} to ${formatTime(to)}`;
  return { what, expected, observed: formatTime(observed), agrees: observed >= from && observed <= to };
}

/**
 * Agrees when the count of successes in `total` trials of probability `share` is at most five
 * standard deviations away from the expectation: chance alone fails that less than once in a
 * million times. A share of 0 or 1 allows the exact count only.
 */
export function compareShare(what: string, share: number, total: number, count: number): Check {
  const mean = total * share;
  const tolerance = Math.floor(5 * Math.sqrt(total * share * (1 - share)));
  return {
    what,
    expected: tolerance === 0 ? String(mean) : `${mean} ± ${tolerance}`,
    observed: String(count),
    agrees: Math.abs(count - mean) <= tolerance,
  };
}

/** `38 ms`, `5.02 s`. */
export function formatTime(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${Number((ms / 1_000).toFixed(2))} s`;
}
