// Judgement of random counts: a test of weights or percentages must be able to fail, and must not
// fail by bad luck.

/**
 * Whether `count` successes in `n` trials of probability `p` lie within `k` standard deviations of
 * the expected `n * p`. At k = 5 an honest binomial count falls outside less than once in a million
 * times; p of 0 or 1 allows only the exact count.
 */
export function withinStandardDeviations(count: number, n: number, p: number, k: number): boolean {
  return Math.abs(count - n * p) <= k * Math.sqrt(n * p * (1 - p)) + 1e-9;
}
