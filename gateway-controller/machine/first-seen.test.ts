import { expect, test } from 'vitest';
import type { AnyMeshObject, MeshChange } from '../../mesh/index.ts';
import { refOf } from '../../mesh/index.ts';
import { FirstSeen } from './first-seen.ts';

function entry(name: string, creationTimestamp?: string): AnyMeshObject {
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'ServiceEntry',
    metadata: {
      name,
      namespace: 'shop',
      labels: {},
      annotations: {},
      ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
    },
    spec: { hosts: [name] },
  };
}

const put = (object: AnyMeshObject): MeshChange => ({ type: 'put', object });
const gone = (object: AnyMeshObject): MeshChange => ({ type: 'delete', ref: refOf(object) });
const first = Date.UTC(2026, 0, 1);
const later = first + 5_000;
const timeOf = (seen: FirstSeen, object: AnyMeshObject): string | undefined =>
  seen.stamp(object).metadata.creationTimestamp;

test('what is there first is older, also after a restart, and whatever the file says', () => {
  const seen = new FirstSeen({});
  expect(seen.note([put(entry('b'))], first)).toBe(true);
  expect(seen.note([put(entry('a', '1970-01-01T00:00:00Z'))], later)).toBe(true);
  expect(timeOf(seen, entry('b'))).toBe('2026-01-01T00:00:00.000Z');
  expect(timeOf(seen, entry('a', '1970-01-01T00:00:00Z'))).toBe('2026-01-01T00:00:05.000Z');
  const again = new FirstSeen(JSON.parse(JSON.stringify(seen.keep())) as Record<string, unknown>);
  again.note([put(entry('a')), put(entry('b')), put(entry('c'))], later + 1_000);
  expect([entry('a'), entry('b')].map((object) => timeOf(again, object))).toEqual(
    [entry('a'), entry('b')].map((object) => timeOf(seen, object)),
  );
  expect(timeOf(again, entry('c'))).toBe('2026-01-01T00:00:06.000Z');
});

test('an edit and a move change nothing; what went and comes back is new', () => {
  const seen = new FirstSeen({});
  seen.note([put(entry('a'))], first);
  expect(seen.note([put(entry('a')), gone(entry('a')), put(entry('a'))], later)).toBe(false);
  expect(timeOf(seen, entry('a'))).toBe('2026-01-01T00:00:00.000Z');
  expect(seen.note([gone(entry('a'))], later)).toBe(true);
  seen.note([put(entry('a'))], later);
  expect(timeOf(seen, entry('a'))).toBe('2026-01-01T00:00:05.000Z');
});

test('what went while nothing ran is forgotten', () => {
  const seen = new FirstSeen({ 'ServiceEntry shop/a': '2020-01-01T00:00:00.000Z' });
  seen.note([put(entry('b'))], first);
  expect(Object.keys(seen.keep())).toEqual(['ServiceEntry shop/b']);
});

test('the copy of an unchanged object is the same value', () => {
  const seen = new FirstSeen({});
  const object = entry('a');
  seen.note([put(object)], first);
  expect(seen.stamp(object)).toBe(seen.stamp(object));
});
