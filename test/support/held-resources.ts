// Proxies that take the generator's updates: what each holds and is offered.

import { expect } from 'vitest';
import { encodeResource } from '../../envoy-api/index.ts';
import { listWaypoints, type ResourceChanges, translateWaypoint } from '../../generator/index.ts';
import type { MeshStore } from '../../mesh/index.ts';

/** The resources of a proxy after it has taken every update. */
export class HeldResources {
  readonly held: Map<string, string> = new Map();
  readonly offers: Set<string> = new Set();

  take({ upserts, removals, offers, withdrawals }: ResourceChanges): void {
    for (const { typeUrl, name } of withdrawals) {
      expect(this.offers.delete(`${typeUrl} ${name}`), `withdrawal of ${name}, which was never offered`).toBe(true);
    }
    for (const { typeUrl, name } of offers) this.offers.add(`${typeUrl} ${name}`);
    for (const { typeUrl, name } of removals) {
      expect(this.held.delete(`${typeUrl} ${name}`), `removal of ${name}, which was never sent`).toBe(true);
    }
    for (const { typeUrl, name, version } of upserts) this.held.set(`${typeUrl} ${name}`, version);
  }
}

/** Expects that each proxy holds what a full translation gives its waypoint. */
export function expectFullTranslation(store: MeshStore, proxies: ReadonlyMap<string, HeldResources>): void {
  const expected = new Map(
    listWaypoints(store).map((key) => [
      `waypoint/${key.namespace}/${key.name}`,
      translateWaypoint(store, key).resources.map(encodeResource),
    ]),
  );
  expect([...proxies.keys()].sort()).toEqual([...expected.keys()].sort());
  for (const [name, resources] of expected) {
    const wanted = resources.map(({ typeUrl, name: resource, version }) => [`${typeUrl} ${resource}`, version]);
    expect(Object.fromEntries(proxies.get(name)?.held ?? [])).toEqual(Object.fromEntries(wanted));
  }
}
