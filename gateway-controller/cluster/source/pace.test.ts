import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Pace } from './pace.ts';

function counted(): { readonly pace: Pace; readonly steps: () => number } {
  let steps = 0;
  return { pace: new Pace(() => (steps += 1)), steps: () => steps };
}

it('takes one step for whatever came before it, and another for what comes after', async () => {
  const { pace, steps } = counted();
  for (let change = 0; change < 100; change += 1) pace.plan();
  expect(steps()).toBe(0);
  await sleep(50);
  expect(steps()).toBe(1);
  pace.plan();
  await sleep(50);
  expect(steps()).toBe(2);
});

it('takes no step after it was stopped, and none twice that was taken early', async () => {
  const { pace, steps } = counted();
  pace.plan();
  pace.take();
  pace.plan();
  pace.stop();
  await sleep(50);
  expect(steps()).toBe(1);
});

it('plans the next step for what comes in the midst of one', async () => {
  let steps = 0;
  const pace: Pace = new Pace(() => {
    steps += 1;
    if (steps === 1) pace.plan();
  });
  pace.plan();
  await sleep(100);
  expect(steps).toBe(2);
});
