// The reference pages say what the code says.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');

it('docs/reference/metrics.md explains every statistic of control plane and agent, and no other', () => {
  const sources = ['gateway-controller/serving/metrics.ts', 'agent/metrics.ts'].map((file) =>
    readFileSync(join(root, file), 'utf8'),
  );
  const names = sources.flatMap((text) => [...text.matchAll(/(?:name: '|# TYPE )([a-z_]+)/g)].map(([, name]) => name));
  const page = readFileSync(join(root, 'docs/reference/metrics.md'), 'utf8');
  const explained = [...page.matchAll(/^\| `([a-z_]+)(?:\{[^}]*\})?` +\|/gm)].map(([, name]) => name);
  expect(names.length).toBeGreaterThan(10);
  expect(new Set(explained)).toEqual(new Set(names));
});

it('docs/reference/findings.md explains every code of a Finding, and no other', () => {
  const source = readFileSync(join(root, 'mesh/finding.ts'), 'utf8');
  const union = /export type FindingCode =([^;]*);/.exec(source)?.[1] ?? '';
  const codes = [...union.matchAll(/'([A-Za-z]+)'/g)].map(([, code]) => code);
  const page = readFileSync(join(root, 'docs/reference/findings.md'), 'utf8');
  const explained = [...page.matchAll(/^\| `([A-Za-z]+)` +\|/gm)].map(([, code]) => code);
  expect(codes.length).toBeGreaterThan(20);
  expect(new Set(explained)).toEqual(new Set(codes));
});
