// Following the hint of a value of the wrong type gives a value that is read. This is tried with
// every field of the golden cases whose value is text, a number or a list.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parseDocument } from 'yaml';
import { formatPath, type FieldPath } from '../finding.ts';
import { parseText } from './text.ts';
import { readObject } from './object.ts';
import { isRecord } from '../fields.ts';

type Fields = Readonly<Record<string, unknown>>;

const cases = join(import.meta.dirname, '../../test/golden/cases');
const objects = readdirSync(cases, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('in.yaml'))
  .flatMap((name) => parseText(name, readFileSync(join(cases, name), 'utf8')).documents)
  .flatMap(({ value }) => (isRecord(value) && readObject(value).object !== undefined ? [value] : []));

function* fieldsOf(value: unknown, path: FieldPath): Generator<readonly [FieldPath, unknown]> {
  if (path.length > 1) yield [path, value];
  if (Array.isArray(value)) for (const [index, item] of value.entries()) yield* fieldsOf(item, [...path, index]);
  else if (isRecord(value)) for (const [name, field] of Object.entries(value)) yield* fieldsOf(field, [...path, name]);
}

function withValue(root: unknown, [step, ...rest]: FieldPath, value: unknown): unknown {
  if (step === undefined) return value;
  if (Array.isArray(root)) return root.with(Number(step), withValue(root[Number(step)], rest, value));
  return { ...(root as Fields), [step]: withValue((root as Fields)[step], rest, value) };
}

/** A value of another type that people write for it. */
function misspell(value: unknown): unknown {
  if (typeof value === 'number') return String(value);
  if (typeof value === 'boolean') return value ? 'yes' : 'off';
  if (Array.isArray(value) && value.length === 1) return value[0] as unknown;
  return typeof value === 'string' ? 3 : undefined;
}

/** The value that a hint suggests. */
function follow(hint: string, wrong: unknown): unknown {
  const written = /^(?:write it (?:in quotes|with its unit): |write )(.+?)(?:, without quotes)?$/.exec(hint)?.[1];
  if (written !== undefined) return parseDocument(written).toJS();
  if (hint === 'remove the quotes') return Number(wrong);
  return hint.startsWith('begin every item') ? [wrong] : undefined;
}

it('leads to a value that is read', { timeout: 120_000 }, () => {
  const followed = new Set<string>();
  for (const object of objects) {
    for (const [path, value] of fieldsOf(object['spec'], ['spec'])) {
      const wrong = misspell(value);
      const at = (each: FieldPath): boolean => formatPath(each) === formatPath(path);
      const read = wrong === undefined ? [] : readObject(withValue(object, path, wrong) as Fields).problems;
      const hint = read.find((problem) => problem.code === 'InvalidType' && at(problem.path))?.hint;
      if (hint === undefined) continue;
      const after = readObject(withValue(object, path, follow(hint, wrong)) as Fields).problems;
      const label = `${String(object['kind'])} ${formatPath(path)}, ${hint}`;
      // A name may be refused for the object that it names; a duration, a number or a flag may not.
      const remaining = after.filter((problem) => at(problem.path) && !hint.startsWith('write it in quotes'));
      expect(remaining, label).toEqual([]);
      expect(
        after.filter((problem) => problem.code === 'InvalidType').map(({ path: each }) => each),
        label,
      ).toEqual([]);
      followed.add(
        `${String(object['kind'])} ${formatPath(path).replaceAll(/\[[^\]]*\]/g, '')} ${hint.replaceAll(/\d+/g, '')}`,
      );
    }
  }
  expect([...followed].filter((each) => each.includes('with its unit')).length).toBeGreaterThan(15);
  expect(followed.size).toBeGreaterThan(150);
});

it('knows a duration by the name of its field', { timeout: 120_000 }, () => {
  for (const object of objects) {
    for (const [path, value] of fieldsOf(object['spec'], ['spec'])) {
      if (typeof value !== 'string' || !/^\d+(?:\.\d+)?(?:ms|s|m|h)$/.test(value)) continue;
      const { problems } = readObject(withValue(object, path, 3) as Fields);
      const hint = problems.find((problem) => problem.code === 'InvalidType')?.hint;
      expect(hint, `${String(object['kind'])} ${formatPath(path)}`).toBe('write it with its unit: 3s');
    }
  }
});
