// Writes about an object wait for everything that follows from its newest version.

import { expect, it } from 'vitest';
import type { ObjectRef } from '../../mesh/index.ts';
import { UnsettledSteps } from './unsettled-steps.ts';

const refOf = (name: string): ObjectRef => ({ kind: 'VirtualService', namespace: 'shop', name });
const stepOf = (...names: readonly string[]) => ({ changed: names.map(refOf), touched: new Set(names) });

it('gives steps back in their order, up to the last one that everything has followed from', () => {
  const steps = new UnsettledSteps();
  const [first, second, third] = [stepOf('a', 'b'), stepOf('a'), stepOf()];
  steps.add(1, first);
  steps.add(2, second);
  steps.add(4, third);
  expect(steps.release(0)).toEqual([]);
  expect(['a', 'b', 'c'].map((name) => steps.isSettled(refOf(name)))).toEqual([false, false, true]);
  expect(steps.release(1)).toEqual([first]);
  expect(['a', 'b'].map((name) => steps.isSettled(refOf(name)))).toEqual([false, true]);
  expect(steps.release(4)).toEqual([second, third]);
  expect(steps.isSettled(refOf('a'))).toBe(true);
  expect(steps.release(9)).toEqual([]);
});
