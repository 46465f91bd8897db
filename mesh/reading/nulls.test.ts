// Null in an optional place means nothing there, in every kind: tested with every field of every
// object of the golden cases.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { definitionOf, isKind } from '../kinds/table.ts';
import { parseText } from './text.ts';
import { withoutNulls } from './nulls.ts';
import { readObject } from './object.ts';
import { isRecord } from '../fields.ts';
import type { Fields } from '../fields.ts';

const cases = join(import.meta.dirname, '../../test/golden/cases');
const objects = readdirSync(cases, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('in.yaml'))
  .flatMap((name) => parseText(name, readFileSync(join(cases, name), 'utf8')).documents)
  .flatMap(({ value }) => (isRecord(value) ? [value] : []));

/** The object with another value in place of one field, for every field below `spec`. */
function* variants(value: unknown, change: (fields: Fields, name: string) => Fields): Generator {
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      for (const variant of variants(item, change)) yield value.toSpliced(index, 1, variant);
    }
  }
  if (!isRecord(value)) return;
  for (const name of Object.keys(value)) {
    yield change(value, name);
    for (const variant of variants(value[name], change)) yield { ...value, [name]: variant };
  }
}

/** The fields of a kind in which null is a mistake. */
function decisiveFields(kind: unknown): readonly string[] {
  return typeof kind === 'string' && isKind(kind) ? (definitionOf(kind).decisive ?? []).flat() : [];
}

it('is read as if the field were not there', { timeout: 120_000 }, () => {
  let compared = 0;
  // Every third object has every kind and nearly every field.
  for (const object of objects.filter((_, index) => index % 3 === 0)) {
    const withNull = variants(object['spec'], (fields, name) => ({ ...fields, [name]: null }));
    const without = variants(object['spec'], (fields, name) =>
      Object.fromEntries(Object.entries(fields).filter(([each]) => each !== name)),
    );
    for (const spec of withNull) {
      const expected: unknown = without.next().value;
      // Maps of text that are part of Kubernetes itself keep the key.
      if (object['kind'] === 'Service' && JSON.stringify(spec).includes('"selector":{')) continue;
      // A null that decides for whom a policy is is refused: a value was intended.
      if (decisiveFields(object['kind']).some((name) => (spec as Fields)[name] === null)) continue;
      expect(readObject({ ...object, spec }), JSON.stringify(spec)).toEqual(readObject({ ...object, spec: expected }));
      compared += 1;
    }
  }
  expect(compared).toBeGreaterThan(1500);
});

it('is empty text in labels, annotations and the selector of a Service, and a mistake in a list', () => {
  const service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'a', labels: { x: null }, annotations: null },
    spec: { selector: { app: 'a', version: null }, ports: [{ port: 80, name: null }] },
  };
  expect(withoutNulls(service)).toEqual({
    ...service,
    metadata: { name: 'a', labels: { x: '' } },
    spec: { selector: { app: 'a', version: '' }, ports: [{ port: 80 }] },
  });
  const { problems } = readObject({ ...service, spec: { ports: [null] } });
  expect(problems).toMatchObject([{ code: 'InvalidType', path: ['spec', 'ports', 0] }]);
});

it('costs an object without one nothing', () => {
  for (const object of objects.slice(0, 50)) {
    expect(withoutNulls(object)['spec']).toBe(object['spec']);
  }
});
