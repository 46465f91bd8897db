import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Alarm } from './alarm.ts';

const hour = 3_600_000;

beforeEach(() => void vi.useFakeTimers({ now: Date.parse('2026-03-01T12:00:00Z') }));
afterEach(() => void vi.useRealTimers());

it('goes off once, when its time has come', () => {
  const action = vi.fn();
  new Alarm().set(12 * hour, action);
  vi.advanceTimersByTime(12 * hour - 1);
  expect(action).not.toHaveBeenCalled();
  vi.advanceTimersByTime(13 * hour);
  expect(action).toHaveBeenCalledTimes(1);
});

it.each([
  ['a machine has slept over it', 13 * hour],
  ['a clock was set back to before it was set', -hour],
])('goes off within half a minute when %s', (_, jump) => {
  const action = vi.fn();
  new Alarm().set(12 * hour, action);
  // The clock moves, and the timers do not.
  vi.setSystemTime(Date.now() + jump);
  vi.advanceTimersByTime(30_000);
  expect(action).toHaveBeenCalledTimes(1);
});

it('is not moved by a clock that is set a little', () => {
  const action = vi.fn();
  new Alarm().set(hour, action);
  vi.setSystemTime(Date.now() - 30_000);
  vi.advanceTimersByTime(hour);
  expect(action).not.toHaveBeenCalled();
});

it('is set anew in place of before, and can be put out', () => {
  const [first, second] = [vi.fn(), vi.fn()];
  const alarm = new Alarm();
  alarm.set(hour, first);
  alarm.set(2 * hour, second);
  vi.advanceTimersByTime(90 * 60_000);
  alarm.clear();
  vi.advanceTimersByTime(9 * hour);
  expect([first.mock.calls.length, second.mock.calls.length]).toEqual([0, 0]);
});
