// A machine's Node that is too old, and one that is named, as `npm run generate` and `npm run
// setup` meet them.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { oldestNode } from './fetch-node.mjs';

const root = resolve(import.meta.dirname, '..');

function generateWith(node: string): { readonly status: number | null; readonly stderr: string } {
  const env = { ...process.env, NODE_BIN: node };
  return spawnSync(process.execPath, ['tools/generate.mjs'], { cwd: root, env, encoding: 'utf8' });
}

it('a Node that is named but is too old, or is not there, is not used, and the answer says why', () => {
  const folder = mkdtempSync(join(tmpdir(), 'cairn-node-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const old = join(folder, 'node');
  writeFileSync(old, '#!/bin/sh\necho v22.18.0\n', { mode: 0o755 });
  const needed = `which is not Node ${oldestNode.version} or newer`;
  expect(generateWith(old)).toMatchObject({ status: 1, stderr: `setup: NODE_BIN is ${old}, ${needed}\n` });
  const gone = join(folder, 'gone');
  expect(generateWith(gone)).toMatchObject({ status: 1, stderr: `setup: NODE_BIN is ${gone}, which does not exist\n` });
});
