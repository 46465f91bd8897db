// Golden cases: a folder with `in.yaml`, and its outputs. `UPDATE_GOLDEN=1` rewrites the outputs
// (and removes those that no case owns); otherwise a difference, a missing or an orphaned output
// fails.

import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { expect } from 'vitest';

const update = process.env['UPDATE_GOLDEN'] === '1';

/** The folders of an area that hold a case, by path. */
export function listCases(area: string): readonly string[] {
  return readdirSync(area, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name === 'in.yaml')
    .map((entry) => entry.parentPath)
    .sort();
}

/** Compares the outputs with the files of a case. An empty output has no file. */
export function expectGolden(folder: string, outputs: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(outputs)) {
    const file = join(folder, name);
    const empty = Array.isArray(value) && value.length === 0;
    const text = stringify(value, { lineWidth: 120, aliasDuplicateObjects: false });
    if (update) {
      if (empty) rmSync(file, { force: true });
      else writeFileSync(file, text);
      continue;
    }
    if (empty) expect(existsSync(file), `${file} exists, but nothing came out`).toBe(false);
    else expect(existsSync(file) ? readFileSync(file, 'utf8') : '(no such file)', file).toBe(text);
  }
  const orphans = readdirSync(folder).filter((name) => name.startsWith('out.') && !(name in outputs));
  if (update) for (const name of orphans) rmSync(join(folder, name));
  else expect(orphans, `outputs that no test writes in ${folder}`).toEqual([]);
}

/** The values of `# <key>: <value>` comment lines at the head of a text. */
export function headComments(text: string, key: string): readonly string[] {
  const head = text.split('\n').filter((line) => line.startsWith(`# ${key}: `));
  return head.map((line) => line.slice(key.length + 4).trim());
}
