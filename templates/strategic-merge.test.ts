import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { MergeError, mergeStrategic } from './strategic-merge.ts';

const named = fc.uniqueArray(fc.record({ name: fc.string(), value: fc.string() }), { selector: ({ name }) => name });
const objects = fc.record(
  { containers: named, args: fc.array(fc.string()), spec: fc.record({ replicas: fc.nat(), env: named }) },
  { requiredKeys: [] },
);

it('leaves everything as it is for an empty patch, and for a patch that is already in', () => {
  fc.assert(
    fc.property(objects, objects, (base, patch) => {
      expect(mergeStrategic(base, {})).toEqual(base);
      const once = mergeStrategic(base, patch);
      expect(mergeStrategic(once, patch)).toEqual(once);
      expect(mergeStrategic({}, base)).toEqual(base);
    }),
  );
});

it.each([
  ['removes with null', { a: 1, b: { c: 1, d: 2 } }, { a: null, b: { c: null } }, { b: { d: 2 } }],
  ['replaces a map', { b: { c: 1 } }, { b: { $patch: 'replace', d: 2 } }, { b: { d: 2 } }],
  ['replaces a plain list', { args: [1, 2] }, { args: [3] }, { args: [3] }],
  [
    'merges by the key that the elements have',
    { ports: [{ port: 80, name: 'a' }], spec: { ports: [{ containerPort: 80, name: 'a' }] } },
    { ports: [{ port: 80, name: 'b' }], spec: { ports: [{ containerPort: 81 }] } },
    { ports: [{ port: 80, name: 'b' }], spec: { ports: [{ containerPort: 80, name: 'a' }, { containerPort: 81 }] } },
  ],
  [
    'replaces a list of named things',
    { env: [{ name: 'a' }] },
    { env: [{ $patch: 'replace' }, { name: 'b' }] },
    { env: [{ name: 'b' }] },
  ],
  ['adds no nulls', {}, { a: { b: null, c: 1 } }, { a: { c: 1 } }],
])('%s', (_, base, patch, result) => {
  expect(mergeStrategic(base, patch)).toEqual(result);
});

it.each([
  [{ spec: { containers: [{ image: 'x' }] } }, ['spec', 'containers', 0]],
  [{ spec: { $setElementOrder: [] } }, ['spec', '$setElementOrder']],
  [{ args: [{ $retainKeys: [] }] }, ['args', 0, '$retainKeys']],
])('says where a patch is wrong: %j', (patch, path) => {
  let thrown: unknown;
  try {
    mergeStrategic({}, patch);
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(MergeError);
  expect(thrown).toMatchObject({ path });
});
