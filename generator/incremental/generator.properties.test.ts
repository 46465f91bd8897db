// After any sequence of edits the incremental generator serves what a full translation would serve,
// byte for byte.

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeResource } from '../../envoy-api/index.ts';
import { type MeshChange, MeshStore } from '../../mesh/index.ts';
import { trialsOf } from '../../test/support/counts.ts';
import { change, put, shop } from '../../test/support/random-shop.ts';
import { Generator } from './generator.ts';
import { analyzeMesh, listWaypoints, translateWaypoint } from '../whole/waypoint.ts';
import type { ResourceChanges } from './served-resources.ts';

/** The resources of a proxy after it has taken every update. */
class Proxy {
  readonly held = new Map<string, string>();

  take({ upserts, removals }: ResourceChanges): void {
    for (const { typeUrl, name } of removals) {
      expect(this.held.delete(`${typeUrl} ${name}`), `removal of ${name}, which was never sent`).toBe(true);
    }
    for (const { typeUrl, name, version } of upserts) this.held.set(`${typeUrl} ${name}`, version);
  }
}

function expectFullTranslation(store: MeshStore, proxies: ReadonlyMap<string, Proxy>): void {
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

describe('the incremental generator', () => {
  /** Applies batch after batch, and compares with a full translation when `compares` says so. */
  const run = (batches: readonly (readonly MeshChange[])[], compares: (index: number) => boolean): void => {
    const store = new MeshStore();
    const generator = new Generator(store);
    const proxies = new Map<string, Proxy>();
    for (const [index, batch] of [shop.map(put), ...batches].entries()) {
      generator.invalidate(store.apply(batch));
      const update = generator.advance();
      for (const name of update.removedProxies) proxies.delete(name);
      for (const [name, changes] of update.proxies) {
        const proxy = proxies.get(name) ?? new Proxy();
        proxies.set(name, proxy);
        proxy.take(changes);
      }
      if (!compares(index)) continue;
      expectFullTranslation(store, proxies);
      expect(generator.findings()).toEqual(analyzeMesh(store));
    }
  };
  const batch = fc.array(change, { minLength: 1, maxLength: 4 });

  it('equals a full translation after each of a sequence of edits', () => {
    fc.assert(
      fc.property(fc.array(batch, { maxLength: 12 }), (batches) => run(batches, () => true)),
      trialsOf('everyEdit'),
    );
  });

  it('equals a full translation at the end of any sequence of edits', () => {
    fc.assert(
      fc.property(fc.array(batch, { minLength: 1, maxLength: 6 }), (batches) =>
        run(batches, (index) => index === batches.length),
      ),
      trialsOf('lastEdit'),
    );
  });
});
