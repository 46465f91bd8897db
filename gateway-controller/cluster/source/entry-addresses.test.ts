// An address of a ServiceEntry must never move under a client that knows it, and never belong to
// two hosts.

import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { MeshObject } from '../../../mesh/index.ts';
import { allocateEntryAddresses } from './entry-addresses.ts';

type ServiceEntry = MeshObject<'ServiceEntry'>;

const entry = (
  name: string,
  spec: Partial<ServiceEntry['spec']> = {},
  labels: Readonly<Record<string, string>> = {},
): ServiceEntry => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'ServiceEntry',
  metadata: { name, namespace: 'shop', labels, annotations: {} },
  spec: { hosts: [`${name}.example.com`], resolution: 'DNS', ...spec },
});

const addressesOf = (entries: readonly ServiceEntry[], previous = {}): readonly (readonly string[])[] =>
  allocateEntryAddresses(entries, previous).entries.flatMap(({ spec }) => Object.values(spec.hostAddresses ?? {}));

describe('allocateEntryAddresses', () => {
  test('each host gets an address of its own, in both families', () => {
    const [result] = allocateEntryAddresses([entry('a', { hosts: ['a.example.com', 'b.example.com'] })], {}).entries;
    const { 'a.example.com': first, 'b.example.com': second } = result?.spec.hostAddresses ?? {};
    expect(first).toEqual([expect.stringMatching(/^240\.240\.\d+\.\d+$/), expect.stringMatching(/^2001:2::/)]);
    expect(second?.[0]).not.toBe(first?.[0]);
  });

  test.each([
    ['has addresses', entry('a', { addresses: ['10.0.0.1'] })],
    ['goes where the client dialled', entry('a', { resolution: 'NONE' })],
    ['says no resolution, which is the same', { ...entry('a'), spec: { hosts: ['a.example.com'] } }],
    ['is a wildcard that no request fills in', entry('a', { hosts: ['*.example.com'] })],
    ['wants none', entry('a', {}, { 'networking.istio.io/enable-autoallocate-ip': 'false' })],
  ])('what %s gets none', (_, object) => {
    expect(allocateEntryAddresses([object], {})).toEqual({ entries: [object], allocations: {} });
  });

  test('a wildcard that requests fill in gets one', () => {
    expect(addressesOf([entry('a', { hosts: ['*.example.com'], resolution: 'DYNAMIC_DNS' })])).toHaveLength(1);
  });

  test('an address that somebody writes is newly given to nobody, and is not taken from who had it', () => {
    const { allocations } = allocateEntryAddresses([entry('a')], {});
    const [[had] = []] = addressesOf([entry('a')]);
    const written = entry('b', { addresses: [had ?? ''] });
    expect(addressesOf([entry('a'), written], allocations)[0]?.[0]).toBe(had);
    expect(addressesOf([entry('a'), written], {})[0]?.[0]).not.toBe(had);
  });

  test('never moves, and is never given twice, whatever comes, goes and is restarted', () => {
    const names = fc.uniqueArray(fc.integer({ min: 0, max: 40 }), { maxLength: 30 });
    fc.assert(
      fc.property(fc.array(names, { minLength: 1, maxLength: 8 }), (rounds) => {
        let previous = {};
        let before: Readonly<Record<string, number>> = {};
        for (const round of rounds) {
          const entries = round.map((number) => entry(`e${number}`));
          const { allocations } = allocateEntryAddresses(entries, previous);
          for (const [key, offset] of Object.entries(allocations)) expect(before[key] ?? offset).toBe(offset);
          expect(new Set(Object.values(allocations)).size).toBe(entries.length);
          expect(allocateEntryAddresses([...entries].reverse(), previous).allocations).toEqual(allocations);
          // The kept addresses are text.
          previous = JSON.parse(JSON.stringify(allocations)) as typeof allocations;
          before = allocations;
        }
      }),
    );
  });

  test('two hosts whose names fall on one number get two', () => {
    const many = Array.from({ length: 2000 }, (_, index) => entry(`e${index}`));
    expect(new Set(addressesOf(many).map(([first]) => first)).size).toBe(2000);
  });
});
