import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { formatProtoDuration, parseDuration } from './duration.ts';

it.each([
  ['5s', 5000],
  ['1m30s', 90_000],
  ['1.5h', 5_400_000],
  ['100ms', 100],
  ['.5s', 500],
  ['250us', 0.25],
  ['0', 0],
  ['0s', 0],
  ['2562047h', 9_223_369_200_000],
])('%s is %d ms', (text, milliseconds) => {
  expect(parseDuration(text)).toBe(milliseconds);
});

it.each(['', '5', 's', '5 s', '-5s', '5s6', 'x5s', '1d', '5S', '1e3s', '9999999h', '2562048h'])(
  '%j is no duration',
  (text) => {
    expect(parseDuration(text)).toBeUndefined();
  },
);

it.each([
  [0, '0s'],
  [1500, '1.5s'],
  [100_000, '100s'],
  [0.25, '0.00025s'],
])('%d ms is %s in protobuf', (milliseconds, text) => {
  expect(formatProtoDuration(milliseconds)).toBe(text);
});

it('what is formatted is read as the same time', () => {
  fc.assert(
    fc.property(fc.nat(), (milliseconds) => {
      expect(parseDuration(formatProtoDuration(milliseconds))).toBeCloseTo(milliseconds, 6);
    }),
  );
});
