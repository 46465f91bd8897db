// Every feature that is promised is shown with its opposite, at the place that features.yaml names.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { classifyField } from '../../generator/analyze/fields/catalogue.ts';
import { analysisOf } from '../../generator/analyze/objects.ts';
import { kinds } from '../catalogue/fields.ts';
import { readCases } from './case.ts';

interface Place {
  readonly matrix?: readonly string[];
  readonly oracle?: readonly string[];
  readonly test?: string;
  readonly pass?: string;
  readonly opposite?: string;
  readonly golden?: string;
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

/** The missing parts of a feature's proof, with its opposite. */
function findGaps({ matrix = [], oracle = [], test, pass, opposite, golden, reported }: Place): readonly string[] {
  const gaps: string[] = [];
  const shown = new Set<string>();
  for (const name of matrix) {
    const { exchanges = [] } = cases.get(name) ?? {};
    if (exchanges.length === 0) gaps.push(`the matrix has no case "${name}"`);
    for (const { shows } of exchanges) shown.add(shows);
  }
  for (const name of oracle) if (!observations.has(name)) gaps.push(`the oracle has no case "${name}"`);
  if (new Set(oracle.flatMap((name) => observations.get(name) ?? [])).size > 1) {
    shown.add('pass');
    shown.add('opposite');
  }
  const text = test === undefined ? '' : readFileSync(join(tests, test), 'utf8');
  for (const [what, words] of Object.entries({ pass, opposite })) {
    if (words === undefined) continue;
    if (text.includes(words)) shown.add(what);
    else gaps.push(`"${words}" is not in ${test ?? 'any test'}`);
  }
  if (golden !== undefined) {
    return existsSync(join(tests, 'golden/cases', golden, 'in.yaml')) ? gaps : [...gaps, `no golden case ${golden}`];
  }
  if (reported === undefined) {
    return [
      ...gaps,
      ...['pass', 'opposite'].filter((what) => !shown.has(what)).map((what) => `${what} is shown nowhere`),
    ];
  }
  return isApplied(reported) ? [...gaps, `${reported} is applied, and shown nowhere`] : gaps;
}

function isApplied(what: string): boolean {
  const [name = '', path] = what.split(' ');
  const kind = kinds.find((each) => each === name);
  if (kind === undefined || path === undefined) return kind !== undefined;
  return classifyField(analysisOf(kind).fields, path.replaceAll('[]', '.[]').split('.')) === 'applied';
}

describe.each(Object.keys(features))('%s', (area) => {
  it.each(Object.entries(features[area] ?? {}))('%s', (_, place) => {
    expect(findGaps(place)).toEqual([]);
  });
});

it('every case of the matrix is named for a feature', () => {
  const named = new Set(
    Object.values(features).flatMap((area) => Object.values(area).flatMap(({ matrix = [] }) => matrix)),
  );
  expect([...cases.keys()].filter((name) => !named.has(name))).toEqual([]);
});

it('a feature that is shown one way only would be found', () => {
  expect(findGaps({ matrix: ['protocol-http2'] })).toEqual(['opposite is shown nowhere']);
  expect(findGaps({ test: 'oracle/oracle.test.ts', pass: 'the oracle', opposite: 'no such words' })).toHaveLength(2);
  expect(findGaps({ reported: 'VirtualService http[].timeout' })).toHaveLength(1);
});
