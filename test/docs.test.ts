// The reference pages agree with the code.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { exitCodes } from '../cli/io.ts';
import { createSilentProgram } from './support/command-line.ts';

const root = join(import.meta.dirname, '..');

it('docs/reference/metrics.md explains every statistic of control plane and agent, and no other', () => {
  const sources = ['gateway-controller/serving/metrics.ts', 'agent/metrics.ts'].map((file) =>
    readFileSync(join(root, file), 'utf8'),
  );
  const names = sources.flatMap((text) => [...text.matchAll(/(?:name: '|# TYPE )([a-z_]+)/g)].map(([, name]) => name));
  const page = readFileSync(join(root, 'docs/reference/metrics.md'), 'utf8');
  const explained = [...page.matchAll(/^\| `([a-z_]+)(?:\{[^}]*\})?` +\|/gm)].map(([, name]) => name);
  expect(names.length).toBeGreaterThan(10);
  expect(new Set(explained)).toEqual(new Set(names));
});

it('docs/reference/findings.md explains every code of a Finding, and no other', () => {
  const source = readFileSync(join(root, 'mesh/finding.ts'), 'utf8');
  const union = /export type FindingCode =([^;]*);/.exec(source)?.[1] ?? '';
  const codes = [...union.matchAll(/'([A-Za-z]+)'/g)].map(([, code]) => code);
  const page = readFileSync(join(root, 'docs/reference/findings.md'), 'utf8');
  const explained = [...page.matchAll(/^\| `([A-Za-z]+)` +\|/gm)].map(([, code]) => code);
  expect(codes.length).toBeGreaterThan(20);
  expect(new Set(explained)).toEqual(new Set(codes));
});

it.each(['ARCHITECTURE.md', 'CONTRIBUTING.md', 'README.md'])('%s names files and folders that exist', (document) => {
  const text = readFileSync(join(root, document), 'utf8');
  const paths = [...text.matchAll(/`((?:[a-z-]+\/){2,}|(?:[a-z-]+\/)+[\w.-]+\.(?:ts|md|yaml|json))`/g)].map(
    ([, path = '']) => path,
  );
  // A sentence about one folder names files within it.
  const folders = ['.', 'gateway-controller/cluster'];
  const isThere = (path: string): boolean => folders.some((folder) => existsSync(join(root, folder, path)));
  expect(paths.filter((path) => !isThere(path))).toEqual([]);
});

describe('docs/reference/compatibility.md', () => {
  const page = readFileSync(join(root, 'docs/reference/compatibility.md'), 'utf8');
  const read = (file: string): string => readFileSync(join(root, file), 'utf8');
  const named = (text: string, pattern: RegExp): readonly string[] => [
    ...new Set([...text.matchAll(pattern)].map(([, name = '']) => name)),
  ];

  it('names every label and annotation that is read', () => {
    const files = ['mesh/labels.ts', 'templates/waypoint/names.ts', 'templates/waypoint/log-levels.ts'];
    const names = files.flatMap((file) => named(read(file), /'([a-z0-9.-]+\.(?:io|dev)\/[A-Za-z-]+)'/g));
    const others = ['istio.io/mesh-controller', 'gateway.istio.io/controller-version'];
    expect(names.length).toBeGreaterThan(20);
    expect(names.filter((name) => !page.includes(`\`${name}\``) && !others.includes(name))).toEqual([
      // Put there by a tool, and never copied from a Gateway.
      'kubectl.kubernetes.io/last-applied-configuration',
    ]);
  });

  it('names every `cairn.dev/` name of the code, and no other', () => {
    const rooms = ['cli', 'gateway-controller', 'generator', 'mesh', 'templates'];
    const files = rooms.flatMap((room) =>
      readdirSync(join(root, room), { recursive: true, encoding: 'utf8' })
        .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
        .map((file) => join(room, file)),
    );
    const names = files.flatMap((file) => named(read(file), /'(cairn\.dev\/[A-Za-z-]+)'/g));
    // The controller of an installation beside istiod is the user's choice.
    const written = named(page, /`(cairn\.dev\/[A-Za-z-]+)`/g).filter(
      (name) => name !== 'cairn.dev/waypoint-controller',
    );
    expect(new Set(written)).toEqual(new Set(names));
  });

  it('names every path of the admin interface and of an agent, and no other', () => {
    const controllers = ['machine/machine-controller.ts', 'cluster/cluster-controller.ts'];
    const api = controllers.flatMap((file) => {
      const [, block = ''] = /\n +api: \{\n([^]*?)\n +\},\n/.exec(read(join('gateway-controller', file))) ?? [];
      return named(block, /^ +(\w+): \(\) =>/gm).map((name) => `/api/${name}`);
    });
    const fixed = named(read('gateway-controller/serving/admin-server.ts'), /app\.(?:get|put)\('(\/[^']+)'/g);
    // `/ready` is a path of Envoy's own admin interface.
    const agent = named(read('agent/health-server.ts'), /'(\/(?!ready')[a-z/]+)'/g);
    expect(api.length).toBeGreaterThan(6);
    expect(new Set(named(page, /`(\/[a-z/-]+)`/g))).toEqual(new Set([...api, ...fixed, ...agent, '/api']));
  });

  it('names every command and exit code, and so does the README every command', () => {
    const program = createSilentProgram();
    const commands = program.commands.flatMap((command) =>
      command.commands.length === 0
        ? [command.name()]
        : command.commands.map((inner) => `${command.name()} ${inner.name()}`),
    );
    const [, section = ''] = page.split('## Commands\n');
    const isNamed = (command: string): boolean => {
      const [group = '', inner] = command.split(' ');
      return (
        section.includes(`\`cairn ${command}\``) || (group === 'proxy-config' && section.includes(`\`${inner ?? ''}\``))
      );
    };
    expect(commands.filter((command) => !isNamed(command))).toEqual([]);
    expect(named(section, /^\| (\d+) +\|/gm).map(Number)).toEqual(Object.values(exitCodes));
    const readme = read('README.md');
    expect(
      program.commands.map((command) => command.name()).filter((name) => !readme.includes(`\`cairn ${name}`)),
    ).toEqual([]);
  });
});

/**
 * Files and folders of this repository that prose names in backticks, as `file: name`; a part of a
 * path at its end suffices.
 */
function findNamedPaths(): readonly (readonly [file: string, name: string])[] {
  return files
    .filter((file) => /\.(?:ts|mjs|md)$/.test(file))
    .flatMap((file) => {
      const text = readFileSync(join(root, file), 'utf8');
      const prose = file.endsWith('.md') ? text : (text.match(/^\s*(?:\/\/|\/?\*).*$/gm) ?? []).join('\n');
      return [...prose.matchAll(/`([\w.-]+(?:\/[\w.-]+)*\/?)`/g)].map(([, name = '']) => [file, name] as const);
    })
    .filter(([, name]) => /\.(?:ts|mjs)$/.test(name) || (name.includes('/') && rooms.has(name.split('/')[0] ?? '')));
}

const left = ['.git', 'node_modules', 'dist', 'images', 'coverage', 'generated'];
const files = readdirSync(root, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && !left.includes(entry.name))
  .flatMap(({ name }) =>
    readdirSync(join(root, name), { recursive: true, encoding: 'utf8' }).map((file) => join(name, file)),
  )
  .concat(
    readdirSync(root, { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ name }) => name),
  );
const rooms = new Set(files.map((file) => file.split('/')[0] ?? '').filter((name) => !name.includes('.')));

it('comments and documents name only files and folders that there are', () => {
  const known = new Set(
    files.flatMap((file) => file.split('/').map((_, index, parts) => parts.slice(index).join('/'))),
  );
  const named = findNamedPaths();
  expect(named.length).toBeGreaterThan(50);
  expect(
    named
      .filter(([, name]) => !known.has(name.replace(/\/$/, '')) && !rooms.has(name.replace(/\/$/, '')))
      .map(([file, name]) => `${file}: ${name}`),
  ).toEqual([]);
});
