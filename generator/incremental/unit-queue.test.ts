// The order of the queue when more is dirty than can be computed.

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UnitQueue } from './unit-queue.ts';

function fill(queue: UnitQueue, ...units: readonly string[]): void {
  for (const unit of units) queue.add(unit, { since: 0, flow: '' });
}

/** Computes the next ones; all by default. */
function take(queue: UnitQueue, most = Infinity): readonly string[] {
  const taken: string[] = [];
  while (taken.length < most) {
    const unit = queue.next();
    if (unit === undefined) break;
    queue.drop(unit, true);
    taken.push(unit);
  }
  return taken;
}

describe('the next one', () => {
  it('is the newest and the oldest in turns, of what has rested', () => {
    const queue = new UnitQueue();
    fill(queue, 'a', 'b', 'c', 'd');
    expect(take(queue, 1)).toEqual(['d']);
    fill(queue, 'd', 'lone');
    expect(take(queue)).toEqual(['a', 'lone', 'b', 'c', 'd']);
  });

  it('takes turns between the kinds that changed', () => {
    const queue = new UnitQueue();
    for (const unit of ['a', 'b', 'c']) queue.add(unit, { since: 0, flow: 'VirtualService' });
    queue.add('other', { since: 0, flow: 'HTTPRoute' });
    expect(take(queue)).toEqual(['c', 'other', 'a', 'b']);
  });

  it('is one that somebody waits for, if there is one', () => {
    const queue = new UnitQueue();
    fill(queue, 'a', 'b', 'c', 'd');
    queue.urge('b');
    queue.urge('nothing');
    expect(queue.isUrgent).toBe(true);
    expect(take(queue, 2)).toEqual(['b', 'd']);
    expect(queue.isUrgent).toBe(false);
  });

  it('is none that was dropped', () => {
    const queue = new UnitQueue();
    fill(queue, 'a', 'b', 'c');
    queue.urge('b');
    for (const unit of ['b', 'c']) queue.drop(unit, false);
    expect(take(queue)).toEqual(['a']);
    expect(queue.isEmpty).toBe(true);
  });

  it('is as at first when nothing was left', () => {
    const queue = new UnitQueue();
    fill(queue, 'a');
    take(queue);
    fill(queue, 'b', 'a');
    expect(take(queue)).toEqual(['a', 'b']);
  });

  it('makes nothing wait for another one twice, and loses none, however much comes', () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'] as const;
    const turn = fc.record({
      added: fc.array(fc.tuple(fc.constantFrom(...names), fc.constantFrom('', 'Service')), { maxLength: 6 }),
      // As a part that computes what it names, before its turn.
      early: fc.array(fc.constantFrom(...names), { maxLength: 1 }),
      computed: fc.nat(2),
    });
    fc.assert(
      fc.property(fc.array(turn, { maxLength: 60 }), (turns) => {
        const queue = new UnitQueue();
        /** For each dirty unit, the units whose turn came since. */
        const passed = new Map<string, string[]>();
        for (const { added, early, computed } of turns) {
          for (const [unit, flow] of added) {
            queue.add(unit, { since: 0, flow });
            if (!passed.has(unit)) passed.set(unit, []);
          }
          for (const unit of early.filter((each) => passed.delete(each))) queue.drop(unit, true);
          for (const next of take(queue, computed)) {
            expect(passed.delete(next), `${next} is dirty`).toBe(true);
            for (const [waiting, others] of passed) {
              expect(others, `${waiting} waits for ${next} again`).not.toContain(next);
              others.push(next);
            }
          }
          expect(queue.isEmpty).toBe(passed.size === 0);
        }
        expect([...take(queue)].sort()).toEqual([...passed.keys()].sort());
      }),
      { numRuns: 1000 },
    );
  });
});

it('knows the oldest change since which something is dirty', () => {
  const queue = new UnitQueue();
  expect(queue.oldest).toBe(Infinity);
  queue.add('a', { since: 2, flow: '' });
  queue.add('b', { since: 1, flow: '' });
  queue.add('a', { since: 1, flow: '' });
  expect([queue.oldest, queue.since('a'), queue.since('c')]).toEqual([1, 2, undefined]);
  queue.drop('b', true);
  expect(queue.oldest).toBe(2);
  queue.drop('a', true);
  expect(queue.oldest).toBe(Infinity);
});
