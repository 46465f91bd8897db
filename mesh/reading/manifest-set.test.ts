// A directory that changes file by file is the same set of objects as one that is read from
// scratch.

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatRef, refOf } from '../metadata.ts';
import { MeshStore } from '../store.ts';
import { combineManifests, parseManifest } from './manifest.ts';
import { ManifestSet } from './manifest-set.ts';

const file = fc.constantFrom('a.yaml', 'b.yaml', 'c.yaml');
const service = fc
  .tuple(fc.constantFrom('x', 'y', 'z'), fc.integer({ min: 80, max: 82 }), fc.constantFrom('', '  unknown: 1\n'))
  .map(
    ([name, port, extra]) =>
      `apiVersion: v1\nkind: Service\nmetadata: {name: ${name}}\nspec:\n  ports: [{port: ${port}}]\n${extra}`,
  );
const text = fc.option(
  fc.array(service, { maxLength: 3 }).map((all) => all.join('---\n')),
  { nil: undefined },
);

describe('a set of manifests', () => {
  it('gives, change by change, what all its texts give together', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(file, text), { maxLength: 12 }), (edits) => {
        const set = new ManifestSet();
        const store = new MeshStore();
        const texts = new Map<string, string>();
        for (const [name, content] of edits) {
          if (content === undefined) texts.delete(name);
          else texts.set(name, content);
          store.apply(set.set(name, content === undefined ? undefined : parseManifest(name, content)));
          const whole = combineManifests([...texts].map(([each, now]) => parseManifest(each, now)));
          const byRef = (objects: readonly (typeof whole.objects)[number][]): object =>
            Object.fromEntries(objects.map((object) => [formatRef(refOf(object)), object]));
          expect(byRef(store.list('Service'))).toEqual(byRef(whole.objects));
          expect(set.findings()).toEqual(whole.findings);
          for (const object of whole.objects) {
            const place = set.locate(refOf(object), ['spec']);
            const there = parseManifest(place?.file ?? '', texts.get(place?.file ?? '') ?? '');
            expect(there.objects).toContainEqual(object);
          }
        }
      }),
      { numRuns: 150 },
    );
  }, 60_000);
});
