// The archives of images: the same bytes each time, in a layout that loads, and with every file
// that the program loads, sooner or later.

import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
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
}, 240_000);
afterAll(() => rmSync(folder, { recursive: true }));

/** Writes both images with a small program in the place of Node, and returns the folder. */
function writeImages(name: string): string {
  execFileSync(process.execPath, imagesCommand(name));
  return join(folder, name);
}

function imagesCommand(name: string): readonly string[] {
  const dist = join(folder, 'dist');
  const programs = ['--node=/bin/true', `--envoy=${join(folder, 'envoy')}`];
  return [join(root, 'tools/images.mjs'), join(folder, name), `--dist=${dist}`, ...programs, '--tag=7'];
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

/** Loads modules from where they are; prints those that could not be loaded. */
const loadAll = `
  import { readFileSync } from 'node:fs';
  import { pathToFileURL } from 'node:url';
  for (const path of JSON.parse(readFileSync(0, 'utf8')))
    await import(pathToFileURL(path)).catch((error) => console.log(path + ': ' + error.message));
  process.exit(0);
`;

/** Runs `cairn` from an unpacked image. */
function cairn(
  app: string,
  args: readonly string[],
  input = '',
): { readonly status: number | null; readonly said: string } {
  const command = [join(app, 'dist/cli/main.js'), ...args];
  const { status, stdout, stderr } = spawnSync(process.execPath, command, { input, encoding: 'utf8' });
  return { status, said: stdout + stderr };
}

it('gives the same bytes for the same sources, whenever they were compiled, and leaves out what an earlier build has left', () => {
  const stale = join(folder, 'dist/cli/gone-since.js');
  writeFileSync(stale, 'export {};\n');
  for (const path of filesBelow(join(folder, 'dist'))) utimesSync(join(folder, 'dist', path), 1, 1);
  const second = writeImages('second');
  for (const name of ['controller.tar', 'waypoint.tar']) {
    expect(sha256(join(second, name)), name).toBe(sha256(join(folder, 'first', name)));
  }
  rmSync(stale);
}, 120_000);

it('is made of a build that finds the manifests of the demo beside itself', () => {
  const examples = join(folder, 'examples');
  cpSync(join(root, 'examples'), examples, { recursive: true });
  const module = JSON.stringify(join(folder, 'dist/cli/demo/example-files.js'));
  const script = `console.log(JSON.stringify((await import(${module})).findExampleFiles()))`;
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  expect(JSON.parse(output)).toEqual({
    manifests: join(examples, 'bookinfo'),
    edits: join(examples, 'bookinfo-tour'),
    app: join(folder, 'dist/examples/bookinfo/app/main.js'),
  });
});

it('runs as nobody in particular, starts where it should, and keeps no file that nobody loads', () => {
  const { names, image, tree, layers } = controller;
  expect(names).toEqual(['cairn/controller:7']);
  expect(image.config).toMatchObject({ User: '1337:1337', Entrypoint: ['/usr/bin/node', '/app/dist/cli/main.js'] });
  expect(
    filesBelow(join(tree, 'app')).filter((file) => /\.(d\.[cm]?ts|map|tsbuildinfo)$|(?<!licen[cs]e)\.md$/i.test(file)),
  ).toEqual([]);
  expect(filesBelow(tree).filter((file) => file.endsWith('/libc.so.6'))).toHaveLength(1);
  expect(statSync(join(tree, 'tmp')).mode & 0o1777).toBe(0o1777);
  const waypoint = unpack(join(folder, 'first/waypoint.tar'));
  expect(waypoint.image.config.Entrypoint.at(-1)).toBe('/app/dist/agent/main.js');
  expect(waypoint.image.config.Entrypoint).toContain('--optimize-for-size');
  expect(statSync(join(waypoint.tree, 'usr/local/bin/envoy')).mode & 0o111).toBe(0o111);
  // A node that has one of the images needs little more for the other.
  expect(waypoint.layers.filter((layer) => layers.includes(layer))).toHaveLength(3);
});

it('holds the modules that the program loads, at once or late, and the terms of every package', () => {
  const app = join(controller.tree, 'app');
  const modules = filesBelow(join(app, 'dist')).filter((path) => path.endsWith('.js'));
  expect(modules).toEqual(expect.arrayContaining(['cli/main.js', 'agent/main.js', 'cli/translate.js']));
  // Entries run when they are loaded.
  const paths = modules.filter((path) => !path.endsWith('/main.js')).map((path) => join(app, 'dist', path));
  const input = JSON.stringify(paths);
  const options = { cwd: app, input, encoding: 'utf8' } as const;
  expect(execFileSync(process.execPath, ['--input-type=module', '-e', loadAll], options)).toBe('');
  const packages = filesBelow(join(app, 'node_modules')).filter((path) =>
    /^(?:@[^/]+\/)?[^/]+\/package\.json$/.test(path),
  );
  expect(packages.length).toBeGreaterThan(50);
  for (const path of packages) {
    const termsOf = (base: string): readonly string[] =>
      readdirSync(dirname(join(base, 'node_modules', path))).filter((name) => /^licen[cs]e/i.test(name));
    expect(termsOf(app), path).toEqual(termsOf(root));
  }
});

it('runs what loads a library late: encoding, patterns, and a cluster from outside', () => {
  const app = join(controller.tree, 'app');
  const example = join(root, 'examples/bookinfo');
  expect(cairn(app, ['translate', '-f', example])).toMatchObject({ status: 0 });
  const kubeconfig = join(folder, 'kubeconfig');
  const cluster = { name: 'a', cluster: { server: 'https://127.0.0.1:9' } };
  const contexts = [{ name: 'a', context: { cluster: 'a', user: 'a' } }];
  const config = { 'current-context': 'a', clusters: [cluster], contexts, users: [{ name: 'a', user: {} }] };
  writeFileSync(kubeconfig, JSON.stringify({ apiVersion: 'v1', kind: 'Config', ...config }));
  expect(cairn(app, ['waypoint', 'list', '--kubeconfig', kubeconfig]).said).toContain(
    '127.0.0.1:9 refuses connections',
  );
});

it('judges patterns, and tells a missing library as its own fault', () => {
  const tree = join(folder, 'broken');
  cpSync(join(controller.tree, 'app'), tree, { recursive: true });
  const analyze = (app: string, pattern: string): ReturnType<typeof cairn> =>
    cairn(app, ['analyze', '-f', '-', '-o', 'json'], virtualService(pattern));
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

it('is not made of a program with a module that would not be found', () => {
  const planted: readonly (readonly [file: string, text: string, name: string])[] = [
    ['mesh/regex.js', "require('no-such-package');", 'no-such-package'],
    ['cli/translate.js', "export const late = () => import('./gone.js');", './gone.js'],
  ];
  const before = planted.map(([file]) => readFileSync(join(folder, 'dist', file)));
  for (const [file, text] of planted) appendFileSync(join(folder, 'dist', file), `\n${text}\n`);
  const { status, stderr } = spawnSync(process.execPath, imagesCommand('planted'), { encoding: 'utf8' });
  planted.forEach(([file], index) => writeFileSync(join(folder, 'dist', file), before[index] ?? ''));
  expect(status).toBe(1);
  for (const [, , name] of planted) expect(stderr).toContain(`Failed to resolve dependency "${name}"`);
}, 120_000);

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
