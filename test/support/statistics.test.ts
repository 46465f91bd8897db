// Bounds of the judgement on random counts.

import { expect, test } from 'vitest';
import { withinStandardDeviations } from './statistics.ts';

test('one standard deviation of 1,000 trials at 10 % is 9.49', () => {
  expect(withinStandardDeviations(109, 1000, 0.1, 1)).toBe(true);
  expect(withinStandardDeviations(91, 1000, 0.1, 1)).toBe(true);
  expect(withinStandardDeviations(110, 1000, 0.1, 1)).toBe(false);
  expect(withinStandardDeviations(90, 1000, 0.1, 1)).toBe(false);
});

test('weights of 90/10 are told from 80/20 at five standard deviations', () => {
  expect(withinStandardDeviations(200, 1000, 0.1, 5)).toBe(false);
  expect(withinStandardDeviations(100, 1000, 0.2, 5)).toBe(false);
});

test('certainty allows no other count', () => {
  expect(withinStandardDeviations(0, 1000, 0, 5)).toBe(true);
  expect(withinStandardDeviations(1, 1000, 0, 5)).toBe(false);
  expect(withinStandardDeviations(999, 1000, 1, 5)).toBe(false);
});
