// Tests single rules at their edges, where Envoy's verdict changes.

import { expect, test } from 'vitest';
import { checkMembership, checkNumber, checkString, type Limits } from './rules.ts';

test.each<[number, Limits, boolean]>([
  [0, { gt: 0 }, false],
  [0.001, { gt: 0 }, true],
  [100, { lte: 100 }, true],
  [100, { lt: 100 }, false],
  [200, { gte: 200, lt: 600 }, true],
  [600, { gte: 200, lt: 600 }, false],
  // a lower limit above the upper one: nothing, or at least that much
  [0, { lte: 0, gte: 0.001 }, true],
  [0.0005, { lte: 0, gte: 0.001 }, false],
  [1, { lte: 0, gte: 0.001 }, true],
])('the number %d under %o passes: %s', (value, limits, passes) => {
  expect(checkNumber(value, limits) === undefined).toBe(passes);
});

test.each<[string, Limits, boolean]>([
  ['', { min_len: 1 }, false],
  ['', { min_len: 1, ignore_empty: true }, true],
  ['😀😀', { max_len: 2 }, true],
  ['😀😀', { max_bytes: 7 }, false],
  [':path', { well_known_regex: 'HTTP_HEADER_NAME' }, true],
  ['a b', { well_known_regex: 'HTTP_HEADER_NAME' }, false],
  ['a b', { well_known_regex: 'HTTP_HEADER_NAME', strict: false }, true],
  ['', { well_known_regex: 'HTTP_HEADER_NAME', strict: false }, true],
  ['a\rb', { well_known_regex: 'HTTP_HEADER_NAME', strict: false }, false],
  ['a\tb', { well_known_regex: 'HTTP_HEADER_VALUE' }, true],
  ['a\u0007b', { well_known_regex: 'HTTP_HEADER_VALUE' }, false],
  ['/a/', { pattern: '^[^?#]+[^?#/]$' }, false],
  ['/a', { pattern: '^[^?#]+[^?#/]$' }, true],
  ['%x', { prefix: '%', suffix: '%' }, false],
])('the text %j under %o passes: %s', (value, limits, passes) => {
  expect(checkString(value, limits) === undefined).toBe(passes);
});

test('a value outside a set, or in a refused one, is named', () => {
  expect(checkMembership('ftp', { in: ['http', 'https'] })).toBe('must be one of http, https');
  expect(checkMembership(6, { not_in: [6] })).toBe('must not be 6');
  expect(checkMembership(false, { const: true })).toBe('must be true');
});
