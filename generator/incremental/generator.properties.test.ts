// After any sequence of edits the incremental generator serves what a full translation would serve,
// byte for byte.

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type MeshChange, MeshStore } from '../../mesh/index.ts';
import { trialsOf } from '../../test/support/counts.ts';
import { expectFullTranslation, HeldResources } from '../../test/support/held-resources.ts';
import { change, put, shop } from '../../test/support/random-shop.ts';
import { Generator } from './generator.ts';
import { analyzeMesh } from '../whole/waypoint.ts';

describe('the incremental generator', () => {
  /** Applies batch after batch, and compares with a full translation when `compares` says so. */
  const run = (batches: readonly (readonly MeshChange[])[], compares: (index: number) => boolean): void => {
    const store = new MeshStore();
    const generator = new Generator(store);
    const proxies = new Map<string, HeldResources>();
    for (const [index, batch] of [shop.map(put), ...batches].entries()) {
      generator.invalidate(store.apply(batch));
      const update = generator.advance();
      for (const name of update.removedProxies) proxies.delete(name);
      for (const [name, changes] of update.proxies) {
        const proxy = proxies.get(name) ?? new HeldResources();
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
