// The archives of images: the same bytes each time, in a layout that loads, with what the entry needs and nothing else.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');
let folder: string;

const modules: Readonly<Record<string, string>> = {
  'cli/main.js': `import { a } from './a.js';\nexport * from "../kubernetes/b.js";\n`,
  'cli/a.js': `import picocolors from 'picocolors';\nexport const a = () => import('./later.js');\n`,
  'cli/later.js': `import {\n  parse,\n} from 'yaml';\nimport 'node:fs';\n`,
  'cli/unused.js': `import 'pino';\n`,
  'kubernetes/b.js': `export const b = 'import x from "commander"';\n`,
  'agent/main.js': `import { envoyVersion } from './envoy-binary.js';\n`,
  'agent/envoy-binary.js': `export const envoyVersion = '0.0.0';\n`,
  'agent/node-flags.js': `export const agentNodeFlags = ['--optimize-for-size'];\n`,
};

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'cairn-images-'));
  for (const [path, text] of Object.entries({ ...modules, 'package.json': '{"type":"module"}' })) {
    mkdirSync(dirname(join(folder, 'dist', path)), { recursive: true });
    writeFileSync(join(folder, 'dist', path), text);
  }
  writeFileSync(join(folder, 'envoy'), '#!/bin/sh\n', { mode: 0o755 });
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Writes both images with a small program in the place of Node, and returns the folder. */
function writeImages(name: string): string {
  const target = join(folder, name);
  execFileSync(process.execPath, [
    join(root, 'tools/images.mjs'),
    target,
    `--dist=${join(folder, 'dist')}`,
    '--node=/bin/true',
    `--envoy=${join(folder, 'envoy')}`,
    '--tag=7',
  ]);
  return target;
}

function sha256(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

interface Image {
  readonly config: { readonly User: string; readonly Entrypoint: readonly string[] };
  readonly rootfs: { readonly diff_ids: readonly string[] };
}

/** An archive, unpacked with tar as people have it, and its files by path in the image. */
function unpack(archive: string): { readonly names: readonly string[]; readonly image: Image; readonly tree: string } {
  const parts = mkdtempSync(join(folder, 'parts-'));
  const tree = mkdtempSync(join(folder, 'tree-'));
  execFileSync('tar', ['-xf', archive, '-C', parts]);
  const [manifest] = JSON.parse(readFileSync(join(parts, 'manifest.json'), 'utf8')) as readonly {
    readonly Config: string;
    readonly RepoTags: readonly string[];
    readonly Layers: readonly string[];
  }[];
  if (manifest === undefined) throw new Error('the manifest is empty');
  const image = JSON.parse(readFileSync(join(parts, manifest.Config), 'utf8')) as Image;
  expect(`${sha256(join(parts, manifest.Config))}.json`).toBe(manifest.Config);
  manifest.Layers.forEach((layer, index) => {
    expect(`sha256:${sha256(join(parts, layer))}`).toBe(image.rootfs.diff_ids[index]);
    execFileSync('tar', ['-xf', join(parts, layer), '-C', tree, '--no-same-owner']);
  });
  return { names: manifest.RepoTags, image, tree };
}

function filesBelow(path: string): readonly string[] {
  return readdirSync(path, { recursive: true })
    .map((file) => String(file))
    .filter((file) => statSync(join(path, file)).isFile())
    .sort();
}

it('gives the same bytes for the same content, whenever its files were written', () => {
  const first = writeImages('first');
  for (const path of Object.keys(modules)) utimesSync(join(folder, 'dist', path), 1, 1);
  const second = writeImages('second');
  for (const name of ['controller.tar', 'waypoint.tar']) {
    expect(sha256(join(second, name))).toBe(sha256(join(first, name)));
  }
  writeFileSync(join(folder, 'dist/cli/later.js'), `import { stringify } from 'yaml';\n`);
  expect(sha256(join(writeImages('third'), 'controller.tar'))).not.toBe(sha256(join(first, 'controller.tar')));
});

it('holds what the entry leads to, runs as nobody in particular, and starts where it should', () => {
  const target = writeImages('contents');
  const { names, image, tree } = unpack(join(target, 'controller.tar'));
  expect(names).toEqual(['cairn/controller:7']);
  expect(image.config).toMatchObject({ User: '1337:1337', Entrypoint: ['/usr/bin/node', '/app/dist/cli/main.js'] });
  expect(filesBelow(join(tree, 'app/dist'))).toEqual(['cli/a.js', 'cli/later.js', 'cli/main.js', 'kubernetes/b.js']);
  expect(readdirSync(join(tree, 'app/node_modules')).sort()).toEqual(['picocolors', 'yaml']);
  expect(filesBelow(join(tree, 'app/node_modules')).filter((file) => /\.(d\.ts|map|md)$/.test(file))).toEqual([]);
  // The package can be loaded from what is left of it.
  execFileSync(process.execPath, ['--input-type=module', '-e', `import { parse } from 'yaml'; parse('a: 1')`], {
    cwd: join(tree, 'app'),
  });
  expect(filesBelow(tree).filter((file) => file.endsWith('/libc.so.6'))).toHaveLength(1);
  expect(statSync(join(tree, 'tmp')).mode & 0o1777).toBe(0o1777);
  const waypoint = unpack(join(target, 'waypoint.tar'));
  expect(waypoint.image.config.Entrypoint).toEqual(['/usr/bin/node', '--optimize-for-size', '/app/dist/agent/main.js']);
  expect(statSync(join(waypoint.tree, 'usr/local/bin/envoy')).mode & 0o111).toBe(0o111);
  expect(() => readdirSync(join(waypoint.tree, 'app/node_modules'))).toThrow('ENOENT');
});

it('keeps long names', () => {
  const long = `${'a'.repeat(120)}/${'b'.repeat(120)}.js`;
  const path = join(folder, 'dist/cli', long);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, 'export {};\n');
  writeFileSync(join(folder, 'dist/cli/a.js'), `import './${long}';\n`);
  const { tree } = unpack(join(writeImages('long'), 'controller.tar'));
  expect(readFileSync(join(tree, 'app/dist/cli', long), 'utf8')).toBe('export {};\n');
});
