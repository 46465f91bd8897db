import { describe, expect, it } from 'vitest';
import { compare, compareShare, compareTime } from './check.ts';

describe('a comparison of the tour', () => {
  it('disagrees when something else was seen, and when nothing was', () => {
    expect(compare('status', 403, 403).agrees).toBe(true);
    expect(compare('status', 403, 200)).toMatchObject({ expected: '403', observed: '200', agrees: false });
    expect(compare('status', 403, undefined)).toMatchObject({ observed: 'nothing', agrees: false });
  });

  it('takes counts up to five standard deviations, and no others', () => {
    expect(compareShare('v2', 0.2, 1_000, 263)).toMatchObject({ expected: '200 ± 63', agrees: true });
    expect(compareShare('v2', 0.2, 1_000, 264).agrees).toBe(false);
    expect(compareShare('v2', 0.2, 1_000, 100).agrees).toBe(false);
    expect(compareShare('v3', 0, 1_000, 0)).toMatchObject({ expected: '0', agrees: true });
    expect(compareShare('v3', 0, 1_000, 1).agrees).toBe(false);
  });

  it('knows too early from in time from too late', () => {
    const limits = { from: 5_000, to: 7_500 };
    expect([4_999, 5_000, 7_501].map((ms) => compareTime('answer', limits, ms).agrees)).toEqual([false, true, false]);
  });
});
