// Nothing silent, field by field: every field of every kind's schema is applied, as a golden case
// shows, or reported, as a Finding shows, or for others, with a reason. The lists are in
// generator/resolve/fields.ts; `npm run golden` writes docs/reference/fields.md.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { describe, expect, it } from 'vitest';
import { classifyField, findIdlePatterns } from '../../generator/analyze/fields/catalogue.ts';
import { analysisOf } from '../../generator/analyze/objects.ts';
import type { Kind } from '../../mesh/index.ts';
import { readCases } from './cases.ts';
import { formatSteps, kinds, listFields } from './fields.ts';
import { type FieldRow, writePage } from './page.ts';
import { Evidence } from './proof.ts';

const page = join(import.meta.dirname, '../../docs/reference/fields.md');
const evidence = new Evidence(readCases());
const known = new Map<Kind, readonly FieldRow[]>();

function rowsOf(kind: Kind): readonly FieldRow[] {
  const rows = known.get(kind) ?? listFields(kind).map((steps) => ({ steps, is: judge(kind, steps) }));
  known.set(kind, rows);
  return rows;
}

function judge(kind: Kind, steps: FieldRow['steps']): FieldRow['is'] {
  const is = classifyField(analysisOf(kind).fields, steps);
  if (is === 'applied') return { applied: evidence.proveApplied(kind, steps) };
  return is === 'reported' ? { reported: evidence.proveReported(kind, steps) } : is;
}

describe.each(kinds)('%s', (kind) => {
  it('has golden cases that change when a field is gone that is said to be applied', { timeout: 300_000 }, () => {
    const unproven = rowsOf(kind).filter(({ is }) => 'applied' in is && is.applied === undefined);
    expect(unproven.map(({ steps }) => formatSteps(steps))).toEqual([]);
  });

  it('has a Finding for every field that is said to be reported', { timeout: 300_000 }, () => {
    const silent = rowsOf(kind).filter(({ is }) => 'reported' in is && is.reported === undefined);
    expect(silent.map(({ steps }) => formatSteps(steps))).toEqual([]);
  });

  it('is spoken of in fields that it has', () => {
    expect(findIdlePatterns(analysisOf(kind).fields, listFields(kind))).toEqual([]);
  });
});

describe('the catalogue', () => {
  it(
    'would not take a field for applied that no case shows, nor for reported without a Finding',
    { timeout: 300_000 },
    () => {
      expect(evidence.proveApplied('Service', ['sessionAffinity'])).toBeUndefined();
      expect(evidence.proveApplied('ServiceEntry', ['location'])).toBeUndefined();
      expect(evidence.proveReported('ReferenceGrant', ['to', '[]', 'name'])).toBeUndefined();
      expect(evidence.proveReported('JwksDocument', ['jwks'])).toBeUndefined();
    },
  );

  it('reports a field that nobody has thought of yet', () => {
    expect(classifyField(analysisOf('VirtualService').fields, ['http', '[]', 'newField'])).toBe('reported');
    expect(classifyField(analysisOf('AuthorizationPolicy').fields, ['newField'])).toBe('reported');
  });

  it('is docs/reference/fields.md', { timeout: 300_000 }, async () => {
    const text = writePage(new Map(kinds.map((kind) => [kind, rowsOf(kind)])));
    const formatted = await format(text, { ...(await resolveConfig(page)), parser: 'markdown' });
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(page, formatted);
    expect(readFileSync(page, 'utf8'), 'run `npm run golden`').toBe(formatted);
  });
});
