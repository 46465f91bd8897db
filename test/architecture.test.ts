// Holds the rooms apart: imports between rooms, only through doors, and no I/O in pure rooms;
// within a room, its folders; and no circle of imports anywhere. ARCHITECTURE.md shows the same
// tables.

import { mkdtempSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

interface Room {
  readonly imports: readonly string[];
  /** Files of other rooms that may be imported past their doors: they import nothing themselves. */
  readonly files?: readonly string[];
  /** No node: module that does I/O, in any file but those listed. */
  readonly pure: boolean;
}

const lower = ['mesh', 'envoy-api', 'generator', 'bootstrap', 'agent', 'xds', 'certificates'];

/**
 * Files that the agent and the certificates share with the rooms that read the configuration, which
 * no agent is to carry.
 */
const meshTexts = ['mesh/address.ts', 'mesh/identity.ts'];

const rooms: Readonly<Record<string, Room>> = {
  mesh: { imports: [], pure: true },
  'envoy-api': { imports: [], pure: true },
  generator: { imports: ['mesh', 'envoy-api'], pure: true },
  bootstrap: { imports: ['envoy-api'], pure: true },
  agent: { imports: ['bootstrap', 'certificates', 'xds', 'envoy-api'], files: meshTexts, pure: false },
  xds: { imports: ['envoy-api'], pure: false },
  certificates: { imports: ['envoy-api'], files: meshTexts, pure: false },
  templates: { imports: ['mesh', 'bootstrap'], pure: true },
  kubernetes: { imports: ['mesh'], pure: false },
  'gateway-controller': { imports: [...lower, 'templates', 'kubernetes'], pure: false },
  cli: { imports: [...lower, 'templates', 'kubernetes', 'gateway-controller', 'examples'], pure: false },
  examples: { imports: [], pure: false },
};

/** Modules that compute, or load a library, and touch nothing outside. */
const harmlessModules: ReadonlySet<string> = new Set([
  'node:assert/strict',
  'node:buffer',
  'node:crypto',
  'node:module',
  'node:url',
]);

/** The allowed imports of a folder within a room, beside itself. */
interface Folder {
  readonly path: string;
  /** Other folders and files of the same room. */
  readonly imports: readonly string[];
  /** Rooms of which only types may be imported. */
  readonly typesOf?: readonly string[];
}

const folders: readonly Folder[] = [
  { path: 'generator/model', imports: [], typesOf: ['mesh'] },
  { path: 'generator/resolve', imports: ['model'] },
  { path: 'generator/render', imports: ['model'] },
  { path: 'generator/analyze', imports: ['model', 'resolve', 'parts.ts'] },
  { path: 'generator/whole', imports: ['analyze', 'model', 'parts.ts', 'render', 'resolve'] },
  { path: 'generator/incremental', imports: ['analyze', 'model', 'parts.ts', 'resolve', 'whole'] },
  { path: 'gateway-controller/keys', imports: [] },
  { path: 'gateway-controller/serving', imports: ['keys'] },
  { path: 'gateway-controller/machine', imports: ['keys', 'serving'] },
  { path: 'gateway-controller/cluster', imports: ['keys', 'serving'] },
];

const root = resolve(import.meta.dirname, '..');

/** Every breach of the table in a tree, as `file: reason`. */
function findBreaches(base: string): readonly string[] {
  const breaches: string[] = [];
  for (const [name, room] of Object.entries(rooms)) {
    for (const file of sourceFiles(join(base, name))) {
      const isTest = file.endsWith('.test.ts');
      for (const target of importsOf(file)) {
        const reason = breachOf(base, name, room, file, target, isTest);
        if (reason !== undefined) breaches.push(`${relative(base, file)}: ${reason}`);
      }
    }
  }
  return breaches;
}

/** Every breach within a room, as `file: reason`. Tests may import any file of their room. */
function findInnerBreaches(base: string): readonly string[] {
  return folders.flatMap(({ path, imports, typesOf = [] }) =>
    sourceFiles(join(base, path))
      .filter((file) => !file.endsWith('.test.ts'))
      .flatMap((file) => {
        const [room = ''] = path.split('/');
        const others = localImportsOf(file)
          .filter((target) => isBelow(target, join(base, room)) && !isBelow(target, join(base, path)))
          .filter((target) => !imports.some((allowed) => isBelow(target, join(base, room, allowed))))
          .map((target) => `${relative(base, file)}: may not import ${relative(base, target)}`);
        const values = valueImportsOf(file)
          .map((target) => relative(base, resolve(dirname(file), target)).split('/')[0] ?? '')
          .filter((other) => typesOf.includes(other))
          .map((other) => `${relative(base, file)}: may import only types of ${other}`);
        return [...others, ...values];
      }),
  );
}

/** The circles of imports, each as its files, sorted. */
function findCircles(base: string): readonly string[] {
  const files = Object.keys(rooms).flatMap((name) => sourceFiles(join(base, name)));
  const edges = new Map(files.map((file) => [file, localImportsOf(file)]));
  const reached = new Map<string, ReadonlySet<string>>();
  const reach = (from: string): ReadonlySet<string> => {
    const known = reached.get(from);
    if (known !== undefined) return known;
    const seen = new Set<string>();
    const queue = [...(edges.get(from) ?? [])];
    for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
      if (seen.has(next)) continue;
      seen.add(next);
      queue.push(...(edges.get(next) ?? []));
    }
    reached.set(from, seen);
    return seen;
  };
  const circles = files
    .filter((file) => reach(file).has(file))
    .map((file) => [...reach(file)].filter((other) => reach(other).has(file)).map((each) => relative(base, each)));
  return [...new Set(circles.map((circle) => circle.sort().join(' ')))].sort();
}

function isBelow(file: string, path: string): boolean {
  return file === path || file.startsWith(`${path}/`);
}

function localImportsOf(file: string): readonly string[] {
  return importsOf(file)
    .filter((target) => target.startsWith('.'))
    .map((target) => resolve(dirname(file), target));
}

/** Modules of which a file imports more than types. */
function valueImportsOf(file: string): readonly string[] {
  const text = readFileSync(file, 'utf8');
  const statements = text.matchAll(/^(?:import|export) (type )?(?:\{([^}]*)\}|[^;'"]*) from '([^']+)'/gm);
  return [...statements]
    .filter(([, type, names]) => {
      const list = names?.split(',').filter((name) => name.trim() !== '');
      return type === undefined && !(list?.every((name) => /^\s*type\s/.test(name)) ?? false);
    })
    .map(([, , , target = '']) => target);
}

function breachOf(
  base: string,
  name: string,
  room: Room,
  file: string,
  target: string,
  isTest: boolean,
): string | undefined {
  if (!target.startsWith('.')) {
    const impure = target.startsWith('node:') && !harmlessModules.has(target);
    return impure && room.pure && !isTest ? `imports ${target} in a pure room` : undefined;
  }
  const path = relative(base, resolve(dirname(file), target));
  const [other = ''] = path.split('/');
  // The package's own description, for its version.
  if (other === 'package.json') return undefined;
  if (other === name) return undefined;
  if (isTest && other === 'test') return undefined;
  if (room.files?.includes(path) === true) return undefined;
  if (!room.imports.includes(other)) return `may not import ${other}`;
  return path === `${other}/index.ts` || other === 'examples' ? undefined : `goes past the door of ${other}: ${path}`;
}

function sourceFiles(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => !file.includes('/generated/') && !file.includes('/node_modules/'));
}

function importsOf(file: string): readonly string[] {
  const text = readFileSync(file, 'utf8');
  const found = text.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*'([^']+)'/g);
  return [...found].map(([, target = '']) => target);
}

const planted = mkdtempSync(join(tmpdir(), 'cairn-architecture-'));
afterAll(() => rmSync(planted, { recursive: true }));

describe('the rooms', () => {
  it('keep to the table', () => {
    expect(findBreaches(root)).toEqual([]);
  });

  it('keep their folders apart', () => {
    expect(findInnerBreaches(root)).toEqual([]);
  });

  it('have no circle of imports', () => {
    expect(findCircles(root)).toEqual([]);
  });

  it('take from other rooms past their doors only files that import nothing', () => {
    const files = Object.values(rooms).flatMap((room) => room.files ?? []);
    expect(files.filter((file) => importsOf(join(root, file)).length > 0)).toEqual([]);
  });

  it('are all in the table', () => {
    const folders = readdirSync(root, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
      .map((entry) => entry.name);
    const others = new Set(['test', 'docs', 'tools', 'bin', 'images', 'node_modules', 'dist', 'coverage', 'dashboard']);
    expect(folders.filter((folder) => !others.has(folder) && !(folder in rooms))).toEqual([]);
  });

  it('are seen to be breached when a breach is planted', () => {
    for (const name of Object.keys(rooms)) mkdirSync(join(planted, name));
    for (const { path } of folders) mkdirSync(join(planted, path), { recursive: true });
    writeFileSync(join(planted, 'mesh/a.ts'), "import { x } from '../generator/index.ts';\nimport 'node:fs';\n");
    writeFileSync(join(planted, 'generator/b.ts'), "export { y } from '../mesh/inside.ts';\n");
    writeFileSync(join(planted, 'xds/c.ts'), "const z = await import('../agent/index.ts');\n");
    expect(findBreaches(planted)).toEqual([
      'mesh/a.ts: may not import generator',
      'mesh/a.ts: imports node:fs in a pure room',
      'generator/b.ts: goes past the door of mesh: mesh/inside.ts',
      'xds/c.ts: may not import agent',
    ]);
    writeFileSync(join(planted, 'generator/parts.ts'), "import './render/d.ts';\n");
    writeFileSync(join(planted, 'generator/model/a.ts'), "import { type A, b } from '../../mesh/index.ts';\n");
    writeFileSync(join(planted, 'generator/model/b.ts'), "import { type A } from '../../mesh/index.ts';\n");
    writeFileSync(join(planted, 'generator/resolve/c.ts'), "import '../render/d.ts';\nimport '../model/a.ts';\n");
    writeFileSync(join(planted, 'generator/render/d.ts'), "import type { C } from '../resolve/c.ts';\n");
    writeFileSync(join(planted, 'generator/incremental/e.ts'), "import '../render/d.ts';\nimport '../parts.ts';\n");
    writeFileSync(join(planted, 'gateway-controller/machine/f.ts'), "import '../cluster/g.ts';\n");
    writeFileSync(join(planted, 'gateway-controller/cluster/g.ts'), "import '../machine/f.ts';\n");
    writeFileSync(join(planted, 'gateway-controller/serving/h.ts'), "import '../cluster/g.ts';\n");
    expect(findInnerBreaches(planted)).toEqual([
      'generator/model/a.ts: may import only types of mesh',
      'generator/resolve/c.ts: may not import generator/render/d.ts',
      'generator/render/d.ts: may not import generator/resolve/c.ts',
      'generator/incremental/e.ts: may not import generator/render/d.ts',
      'gateway-controller/serving/h.ts: may not import gateway-controller/cluster/g.ts',
      'gateway-controller/machine/f.ts: may not import gateway-controller/cluster/g.ts',
      'gateway-controller/cluster/g.ts: may not import gateway-controller/machine/f.ts',
    ]);
    expect(findCircles(planted)).toEqual([
      'gateway-controller/cluster/g.ts gateway-controller/machine/f.ts',
      'generator/render/d.ts generator/resolve/c.ts',
    ]);
  });
});
