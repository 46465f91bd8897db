// An index that nobody asks costs every change of its objects, and hints at a forgotten question.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { definitionOf, kindNames } from './kinds/table.ts';

const root = join(import.meta.dirname, '..');
const askers = ['generator', 'gateway-controller', 'cli'];
const text = askers
  .flatMap((room) =>
    readdirSync(join(root, room), { recursive: true, encoding: 'utf8' }).map((name) => join(room, name)),
  )
  .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
  .map((name) => readFileSync(join(root, name), 'utf8'))
  .join('\n');

const indexes = kindNames.flatMap((kind) =>
  Object.keys(definitionOf(kind).indexes).map((name) => [kind, name] as const),
);

it.each(indexes)('%s/%s is asked by somebody', (kind, name) => {
  // Several kinds are asked at once by the name of the index alone.
  expect([`'${kind}/${name}'`, `\${kind}/${name}\``].some((question) => text.includes(question))).toBe(true);
});
