// Every feature that is promised is shown with its opposite, at the place that features.yaml names.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { classifyField } from '../../generator/resolve/fields.ts';
import { kinds } from '../catalogue/fields.ts';
import { readCases } from './case.ts';

interface Place {
  readonly matrix?: readonly string[];
  readonly oracle?: readonly string[];
  readonly test?: string;
  readonly pass?: string;
  readonly opposite?: string;
  /** A kind that is not read, or a kind and the path of a field. */
  readonly reported?: string;
}

const tests = join(import.meta.dirname, '..');
const features = parse(readFileSync(join(import.meta.dirname, 'features.yaml'), 'utf8')) as Readonly<
  Record<string, Readonly<Record<string, Place>>>
>;
const cases = new Map(readCases().map((each) => [each.name, each]));
const observations = new Map(
  readFileSync(join(tests, 'oracle/observations.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => {
      const { name, exchanges } = JSON.parse(line) as {
        readonly name: string;
        readonly exchanges: readonly { readonly observed: Readonly<Record<string, unknown>> }[];
      };
      return [name, exchanges.map(({ observed }) => JSON.stringify({ ...observed, path: '', method: '' }))] as const;
    }),
);

/** What is missing for a feature to be shown. */
function findGaps({ matrix, oracle, test, pass = '', opposite = '', reported }: Place): readonly string[] {
  const gaps: string[] = [];
  const shown = (matrix ?? []).flatMap((name) => cases.get(name)?.exchanges.map(({ shows }) => shows) ?? [name]);
  if (matrix !== undefined && !(shown.includes('pass') && shown.includes('opposite'))) {
    gaps.push(`cases ${matrix.join(', ')} show ${shown.join(', ')}`);
  }
  if (oracle !== undefined && new Set(oracle.flatMap((name) => observations.get(name) ?? [])).size < 2) {
    gaps.push('the oracle observed one answer only');
  }
  for (const name of oracle ?? []) if (!observations.has(name)) gaps.push(`the oracle has no case "${name}"`);
  if (test !== undefined) {
    const text = readFileSync(join(tests, test), 'utf8');
    for (const words of [pass, opposite]) {
      if (words === '' || !text.includes(words)) gaps.push(`"${words}" is not in ${test}`);
    }
  }
  if (reported !== undefined && isApplied(reported)) gaps.push(`${reported} is applied, and shown nowhere`);
  if (matrix === undefined && oracle === undefined && test === undefined && reported === undefined) {
    gaps.push('it is shown nowhere');
  }
  return gaps;
}

function isApplied(what: string): boolean {
  const [name = '', path] = what.split(' ');
  const kind = kinds.find((each) => each === name);
  if (kind === undefined || path === undefined) return kind !== undefined;
  return classifyField(kind, path.replaceAll('[]', '.[]').split('.')) === 'applied';
}

describe.each(Object.keys(features))('%s', (area) => {
  it.each(Object.entries(features[area] ?? {}))('%s', (_, place) => {
    expect(findGaps(place)).toEqual([]);
  });
});

it('a case of the matrix is named for a feature, and none is forgotten', () => {
  const named = new Set(
    Object.values(features).flatMap((area) => Object.values(area).flatMap(({ matrix = [] }) => matrix)),
  );
  const helpers = new Set(['authz-selector', 'protocol-http']);
  expect([...cases.keys()].filter((name) => !named.has(name) && !helpers.has(name))).toEqual([]);
});

it('a feature that is shown one way only would be found', () => {
  expect(findGaps({ matrix: ['protocol-http2'] })).toHaveLength(1);
  expect(findGaps({ test: 'oracle/oracle.test.ts', pass: 'the oracle', opposite: 'no such words' })).toHaveLength(1);
  expect(findGaps({ reported: 'VirtualService http[].timeout' })).toHaveLength(1);
});
