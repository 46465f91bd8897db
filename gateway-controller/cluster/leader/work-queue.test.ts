// Tests the queue between changes and writes: no key twice at once, none forgotten, no flood.

import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { WorkQueue } from './work-queue.ts';
import { waitFor } from '../../../test/support/wait.ts';

async function settle(queue: WorkQueue): Promise<void> {
  await waitFor(() => queue.size === 0, { interval: 2 });
}

describe('a work queue', () => {
  it('does the work of a key once, however often it was asked for', async () => {
    const done: string[] = [];
    const queue = new WorkQueue({ work: async (key) => done.push(key) < 0, onError: () => undefined });
    for (const key of ['a', 'b', 'a', 'a', 'b']) queue.add(key);
    await settle(queue);
    expect(done.sort()).toEqual(['a', 'b']);
  });

  it('works on a key once more when it was asked for meanwhile, and never twice at once', async () => {
    let running = 0;
    let most = 0;
    let count = 0;
    const queue = new WorkQueue({
      work: async () => {
        most = Math.max(most, ++running);
        await sleep(20);
        running -= 1;
        count += 1;
        return false;
      },
      onError: () => undefined,
    });
    queue.add('a');
    await waitFor(() => running === 1, { interval: 1 });
    queue.add('a');
    queue.add('a');
    await settle(queue);
    expect({ most, count }).toEqual({ most: 1, count: 2 });
  });

  it('tries again what failed, later each time, until it works', async () => {
    const pauses: number[] = [];
    let left = 3;
    const queue = new WorkQueue({
      work: () => (left-- > 0 ? Promise.reject(new Error('conflict')) : Promise.resolve(true)),
      onError: (_key, _error, retryMs) => void pauses.push(retryMs),
      backOff: { firstMs: 4, longestMs: 1_000 },
      random: () => 1,
    });
    queue.add('a');
    await settle(queue);
    expect(pauses).toEqual([4, 8, 16]);
    expect(left).toBe(-1);
  });

  it('holds back a key that is written again and again, so that two writers who disagree do not flood the API', async () => {
    let writes = 0;
    const queue = new WorkQueue({ work: async () => ++writes > 0, onError: () => undefined, burst: 3 });
    for (let round = 0; round < 50; round += 1) {
      queue.add('a');
      await sleep(4);
    }
    expect(writes).toBe(3);
    await queue.stop();
  });

  it('begins nothing after stop, and waits for what is under way', async () => {
    const done: string[] = [];
    let isBegun = false;
    const queue = new WorkQueue({
      work: async (key) => {
        isBegun = true;
        await sleep(20);
        return done.push(key) < 0;
      },
      onError: () => undefined,
      concurrency: 1,
    });
    queue.add('a');
    queue.add('b');
    await waitFor(() => isBegun, { interval: 1 });
    await queue.stop();
    expect(done).toEqual(['a']);
    queue.add('c');
    await sleep(30);
    expect(done).toEqual(['a']);
  });
});
