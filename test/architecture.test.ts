// Holds the rooms apart: who may import whom, only through doors, and no I/O in pure rooms. ARCHITECTURE.md shows the same table.

import { mkdtempSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

interface Room {
  readonly imports: readonly string[];
  /** No node: module that does I/O, in any file but those listed. */
  readonly pure: boolean;
}

const lower = ['mesh', 'envoy-api', 'generator', 'bootstrap', 'agent', 'xds', 'certificates'];

const rooms: Readonly<Record<string, Room>> = {
  mesh: { imports: [], pure: true },
  'envoy-api': { imports: [], pure: true },
  generator: { imports: ['mesh', 'envoy-api'], pure: true },
  bootstrap: { imports: ['envoy-api'], pure: true },
  agent: { imports: ['bootstrap', 'certificates', 'xds', 'envoy-api'], pure: false },
  xds: { imports: ['envoy-api'], pure: false },
  certificates: { imports: ['envoy-api'], pure: false },
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
  if (other === name) return undefined;
  if (isTest && other === 'test') return undefined;
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

  it('are all in the table', () => {
    const folders = readdirSync(root, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
      .map((entry) => entry.name);
    const others = new Set(['test', 'docs', 'tools', 'bin', 'images', 'node_modules', 'dist', 'coverage', 'dashboard']);
    expect(folders.filter((folder) => !others.has(folder) && !(folder in rooms))).toEqual([]);
  });

  it('are seen to be breached when a breach is planted', () => {
    for (const name of Object.keys(rooms)) mkdirSync(join(planted, name));
    writeFileSync(join(planted, 'mesh/a.ts'), "import { x } from '../generator/index.ts';\nimport 'node:fs';\n");
    writeFileSync(join(planted, 'generator/b.ts'), "export { y } from '../mesh/inside.ts';\n");
    writeFileSync(join(planted, 'xds/c.ts'), "const z = await import('../agent/index.ts');\n");
    expect(findBreaches(planted)).toEqual([
      'mesh/a.ts: may not import generator',
      'mesh/a.ts: imports node:fs in a pure room',
      'generator/b.ts: goes past the door of mesh: mesh/inside.ts',
      'xds/c.ts: may not import agent',
    ]);
  });
});
