// The order of the queue when more is dirty than can be computed.

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MeshStore, type QueryKey } from '../../mesh/index.ts';
import { formatUnit } from './unit-name.ts';
import { Units } from './units.ts';

const makeUnits = (): Units => new Units(new MeshStore());
const compute = (units: Units, unit: string | undefined): void =>
  unit === undefined ? undefined : units.compute(unit, () => undefined);

describe('what is due', () => {
  it('begins with the newest and the oldest of what has rested', () => {
    const units = makeUnits();
    for (const unit of ['a', 'b', 'c']) units.demand(unit, 0);
    expect([...units.due()]).toEqual(['c', 'a', 'b']);
    compute(units, 'c');
    units.demand('c', 0);
    units.demand('lone', 0);
    expect([...units.due()]).toEqual(['lone', 'a', 'b', 'c']);
  });

  it('takes turns between the kinds that changed', () => {
    const units = makeUnits();
    const edited = ['VirtualService', 'VirtualService', 'VirtualService', 'HTTPRoute'].map((kind, number) => ({
      kind,
      namespace: 'shop',
      name: `r${number}`,
    }));
    units.invalidate(new Set(edited.map(({ kind, name }): QueryKey => `get:${kind}/shop/${name}`)));
    const [a, b, c, other] = edited.map((ref) => formatUnit({ kind: 'object', ref }));
    expect([...units.due()]).toEqual([c, other, a, b]);
  });

  it('forgets turns when nothing is left', () => {
    const units = makeUnits();
    units.demand('a', 0);
    compute(units, 'a');
    expect(units.isUpToDate).toBe(true);
    for (const unit of ['b', 'a']) units.demand(unit, 0);
    expect([...units.due()]).toEqual(['a', 'b']);
  });

  it('makes nothing wait for another one twice, however much comes', () => {
    const turn = fc.record({
      demanded: fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'), { maxLength: 6 }),
      computed: fc.nat(2),
    });
    fc.assert(
      fc.property(fc.array(turn, { maxLength: 60 }), (turns) => {
        const units = makeUnits();
        /** For each dirty unit, the units that were computed since. */
        const passed = new Map<string, string[]>();
        for (const { demanded, computed } of turns) {
          for (const unit of demanded) {
            units.demand(unit, 0);
            if (!passed.has(unit)) passed.set(unit, []);
          }
          for (const next of [...units.due()].slice(0, computed)) {
            compute(units, next);
            passed.delete(next);
            for (const [waiting, others] of passed) {
              expect(others, `${waiting} waits for ${next} again`).not.toContain(next);
              others.push(next);
            }
          }
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('is settled up to the change before the oldest that something is due for', () => {
    const units = makeUnits();
    const change = (): void => units.invalidate(new Set());
    change();
    units.demand('a', units.changes);
    change();
    units.demand('b', units.changes);
    expect([units.changes, units.settled]).toEqual([2, 0]);
    compute(units, 'b');
    expect(units.settled).toBe(0);
    compute(units, 'a');
    expect(units.settled).toBe(2);
  });
});
