// The archives of images: the same bytes each time, in a layout that loads, and with every file that the program loads, sooner or later.

import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
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
import { parseAst } from 'vite';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { writeTar } from './tar.mjs';

const root = join(import.meta.dirname, '../..');
let folder: string;
let controller: Unpacked;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'cairn-images-'));
  execFileSync(process.execPath, [
    join(root, 'node_modules/typescript/bin/tsc'),
    '-p',
    join(root, 'tsconfig.build.json'),
    '--incremental',
    'false',
    '--outDir',
    join(folder, 'dist'),
  ]);
  writeFileSync(join(folder, 'envoy'), '#!/bin/sh\n', { mode: 0o755 });
  controller = unpack(join(writeImages('first'), 'controller.tar'));
}, 120_000);
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

interface Unpacked {
  readonly names: readonly string[];
  readonly layers: readonly string[];
  readonly image: Image;
  /** The root file system. */
  readonly tree: string;
}

/** An archive, unpacked with tar as people have it. */
function unpack(archive: string): Unpacked {
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
  return { names: manifest.RepoTags, layers: manifest.Layers, image, tree };
}

function filesBelow(path: string): readonly string[] {
  return readdirSync(path, { recursive: true })
    .map((file) => String(file))
    .filter((file) => statSync(join(path, file)).isFile())
    .sort();
}

/** What a module loads while it runs and not when it is loaded itself: `import(…)`, `require(…)` and `createRequire(…)(…)`. */
function lateLoads(path: string): readonly string[] {
  const found: string[] = [];
  JSON.stringify(parseAst(readFileSync(path, 'utf8')), (_, value: unknown): unknown => {
    const node = value as AstNode | null;
    const isRequire =
      node?.type === 'CallExpression' && (node.callee?.name ?? node.callee?.callee?.name ?? '').endsWith('equire');
    const target = node?.type === 'ImportExpression' ? node.source : isRequire ? node?.arguments?.[0] : undefined;
    if (typeof target?.value === 'string') found.push(target.value);
    return typeof value === 'bigint' ? String(value) : value;
  });
  return found;
}

interface AstNode {
  readonly type?: string;
  readonly name?: string;
  readonly value?: unknown;
  readonly source?: AstNode;
  readonly callee?: AstNode;
  readonly arguments?: readonly AstNode[];
}

/** Loads modules, and what they would load late, from where they are; prints what could not be loaded. */
const loadAll = `
  import { readFileSync } from 'node:fs';
  import { createRequire } from 'node:module';
  import { pathToFileURL } from 'node:url';
  for (const [path, targets] of Object.entries(JSON.parse(readFileSync(0, 'utf8')))) {
    const report = (error) => console.log(path + ': ' + error.message);
    if (targets === null) await import(pathToFileURL(path)).catch(report);
    const { resolve } = createRequire(path);
    for (const target of targets ?? []) {
      await new Promise((done) => done(resolve(target))).then((file) => import(pathToFileURL(file))).catch(report);
    }
  }
  process.exit(0);
`;

it('gives the same bytes for the same sources, whenever they were compiled, and leaves out what an earlier build has left', () => {
  const stale = join(folder, 'dist/cli/gone-since.js');
  writeFileSync(stale, 'export {};\n');
  for (const path of filesBelow(join(folder, 'dist'))) utimesSync(join(folder, 'dist', path), 1, 1);
  const second = writeImages('second');
  for (const name of ['controller.tar', 'waypoint.tar']) {
    expect(sha256(join(second, name)), name).toBe(sha256(join(folder, 'first', name)));
  }
  rmSync(stale);
  const changed = join(folder, 'dist/cli/main.js');
  const before = readFileSync(changed);
  writeFileSync(changed, `${String(before)}\n`);
  expect(sha256(join(writeImages('third'), 'controller.tar'))).not.toBe(sha256(join(second, 'controller.tar')));
  writeFileSync(changed, before);
});

it('runs as nobody in particular, starts where it should, and keeps no file that nobody loads', () => {
  const { names, image, tree, layers } = controller;
  expect(names).toEqual(['cairn/controller:7']);
  expect(image.config).toMatchObject({ User: '1337:1337', Entrypoint: ['/usr/bin/node', '/app/dist/cli/main.js'] });
  expect(filesBelow(join(tree, 'app')).filter((file) => /\.(d\.[cm]?ts|map|md|tsbuildinfo)$/.test(file))).toEqual([]);
  expect(filesBelow(tree).filter((file) => file.endsWith('/libc.so.6'))).toHaveLength(1);
  expect(statSync(join(tree, 'tmp')).mode & 0o1777).toBe(0o1777);
  const waypoint = unpack(join(folder, 'first/waypoint.tar'));
  expect(waypoint.image.config.Entrypoint.at(-1)).toBe('/app/dist/agent/main.js');
  expect(waypoint.image.config.Entrypoint).toContain('--optimize-for-size');
  expect(statSync(join(waypoint.tree, 'usr/local/bin/envoy')).mode & 0o111).toBe(0o111);
  // A node that has one of the images needs little more for the other.
  expect(waypoint.layers.filter((layer) => layers.includes(layer))).toHaveLength(3);
});

it('holds every module, and everything that modules load, at once or late', () => {
  const dist = join(controller.tree, 'app/dist');
  expect(filesBelow(dist)).toEqual(filesBelow(join(folder, 'dist')));
  const modules = filesBelow(dist).flatMap((path) => (path.endsWith('.js') ? [join(dist, path)] : []));
  const late = new Map(modules.map((path) => [path, lateLoads(path)]));
  // The search finds each form.
  const found = [...late.values()].flat();
  expect(found).toEqual(expect.arrayContaining(['re2js', 'protobufjs/light.js', '@kubernetes/client-node']));
  // Entries run when they are loaded, and the example is no part of the control plane.
  const isEntry = (path: string): boolean => /\/(?:cli|agent)\/main\.js$|\/examples\//.test(path);
  const load = (what: unknown): string =>
    execFileSync(process.execPath, ['--input-type=module', '-e', loadAll], {
      cwd: join(controller.tree, 'app'),
      input: JSON.stringify(what),
      encoding: 'utf8',
    });
  expect(load(Object.fromEntries(modules.filter((path) => !isEntry(path)).map((path) => [path, null])))).toBe('');
  expect(load(Object.fromEntries(late))).toBe('');
  // And it would say so.
  expect(load({ [join(dist, 'mesh/regex.js')]: ['re2'] })).toContain("Cannot find module 're2'");
});

it('judges patterns, and tells a missing library as its own fault', () => {
  const tree = join(folder, 'broken');
  cpSync(join(controller.tree, 'app'), tree, { recursive: true });
  const analyze = (app: string, pattern: string): { readonly status: number | null; readonly said: string } => {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [join(app, 'dist/cli/main.js'), 'analyze', '-f', '-', '-o', 'json'],
      { input: virtualService(pattern), encoding: 'utf8' },
    );
    return { status, said: stdout + stderr };
  };
  const image = join(controller.tree, 'app');
  expect(analyze(image, '/a[0-9]+').said).not.toContain('RegexInvalid');
  expect(analyze(image, '(')).toMatchObject({ status: 1, said: expect.stringContaining('RegexInvalid') as string });
  rmSync(join(tree, 'node_modules/re2js'), { recursive: true });
  const broken = analyze(tree, '/a[0-9]+');
  expect(broken.status).toBe(2);
  expect(broken.said).toContain('this is a fault of Cairn');
  expect(broken.said).toContain("Cannot find module 're2js'");
  expect(broken.said).not.toContain('RegexInvalid');
});

function virtualService(pattern: string): string {
  const route = { match: [{ uri: { regex: pattern } }], route: [{ destination: { host: 'a' } }] };
  return JSON.stringify({
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name: 'a', namespace: 'default' },
    spec: { hosts: ['a'], http: [route] },
  });
}

it('keeps long names', () => {
  const long = `${'a'.repeat(120)}/${'b'.repeat(120)}.js`;
  const archive = join(folder, 'long.tar');
  writeFileSync(archive, writeTar([{ path: long, mode: 0o644, data: Buffer.from('export {};\n') }]));
  const target = join(folder, 'long');
  mkdirSync(target);
  execFileSync('tar', ['-xf', archive, '-C', target]);
  expect(readFileSync(join(target, long), 'utf8')).toBe('export {};\n');
  expect(readdirSync(target)).toEqual([dirname(long)]);
});
