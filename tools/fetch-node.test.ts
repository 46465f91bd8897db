// A machine's Node that is too old, and one that is named, as `npm run generate` and `npm run
// setup` meet them.

import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { newestNode, oldestNode } from './fetch-node.mjs';

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

it('a Node of the cache is linked again after npm ci has removed its link', () => {
  const folder = mkdtempSync(join(tmpdir(), 'cairn-node-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const cached = join(folder, '.cache/cairn/node', newestNode.version, 'bin/node');
  const checkout = join(folder, 'checkout');
  for (const file of [cached, join(checkout, 'tools/x')]) mkdirSync(dirname(file), { recursive: true });
  cpSync(process.execPath, cached);
  for (const name of ['fetch-node.mjs', 'downloads.mjs'])
    cpSync(join(root, 'tools', name), join(checkout, 'tools', name));
  const { NODE_BIN: _named, XDG_CACHE_HOME: _cache, ...env } = process.env;
  const script = `import { provideNode } from './tools/fetch-node.mjs'; console.log(await provideNode());`;
  const { stdout, stderr } = spawnSync(cached, ['--input-type=module', '--eval', script], {
    cwd: checkout,
    env: { ...env, HOME: folder },
    encoding: 'utf8',
  });
  expect({ stdout, stderr }).toEqual({ stdout: `${cached}\n`, stderr: '' });
  expect(readlinkSync(join(checkout, 'node_modules/.bin/node'))).toBe(cached);
});
