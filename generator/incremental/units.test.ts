// Which computations are dirty, and up to which change everything is computed.

import { expect, it } from 'vitest';
import { MeshStore, type QueryKey } from '../../mesh/index.ts';
import { formatUnit } from './unit-name.ts';
import { Units } from './units.ts';

const route = { kind: 'HTTPRoute', namespace: 'shop', name: 'reviews' };
const touched = new Set<QueryKey>([`get:${route.kind}/${route.namespace}/${route.name}`]);

it('makes the readers of what changed dirty, and the Findings about it', () => {
  const units = new Units(new MeshStore());
  units.demand('reader', 0);
  units.compute('reader', ({ mesh }) => mesh.get('HTTPRoute', route.namespace, route.name));
  expect(units.isUpToDate).toBe(true);
  units.invalidate(touched);
  const dirty: string[] = [];
  for (let unit = units.next(); unit !== undefined; unit = units.next()) {
    dirty.push(unit);
    units.compute(unit, () => undefined);
  }
  expect(dirty.sort()).toEqual([formatUnit({ kind: 'object', ref: route }), 'reader'].sort());
});

it('is settled up to the change before the oldest that something is due for', () => {
  const units = new Units(new MeshStore());
  const change = (): void => units.invalidate(new Set());
  change();
  units.demand('a', units.changes);
  change();
  units.demand('b', units.changes);
  expect([units.changes, units.settled]).toEqual([2, 0]);
  units.compute('b', () => undefined);
  expect(units.settled).toBe(0);
  units.compute('a', () => undefined);
  expect(units.settled).toBe(2);
});
