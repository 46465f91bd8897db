// Manifests that are made to exhaust their reader, or to confuse it: each ends in Findings. The
// former are read by `cairn` in a process whose heap is bounded.

import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { listWaypoints, translateWaypoint } from '../../generator/index.ts';
import { runCommand } from '../support/command-line.ts';
import { readMesh } from '../support/mesh.ts';
import { writeTestCertificates } from '../support/test-certificates.ts';
import { findRefused } from '../support/validation.ts';

const root = resolve(import.meta.dirname, '../..');
/** Megabytes; a process that needs more is ended by its runtime, without output. */
const heap = 512;
const megabytes10 = 10 * 1024 * 1024;
const base = readFileSync(join(root, 'test/golden/base.yaml'));
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'cairn-limits-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

type Case = readonly [says: string, content: string | Buffer, code: string];

interface Told {
  readonly code: string;
  readonly message: string;
}

/**
 * The output of `cairn analyze`, run in one way or another, for a file beside the base of the
 * golden cases.
 */
async function analyze(
  [says, content]: Case,
  run: (args: readonly string[]) => Promise<string>,
): Promise<readonly Told[]> {
  const [before, file] = [join(folder, 'base.yaml'), join(folder, `${says.replaceAll(/[^a-z0-9]/gi, '-')}.yaml`)];
  writeFileSync(before, base);
  writeFileSync(file, content);
  return JSON.parse(await run(['analyze', '-f', before, '-f', file, '-o', 'json'])) as readonly Told[];
}

/** Runs the command in a process whose heap is bounded. */
async function runBounded(args: readonly string[]): Promise<string> {
  const command = [`--max-old-space-size=${heap}`, '--import', 'tsx', join(root, 'cli/main.ts'), ...args];
  try {
    return (await promisify(execFile)(process.execPath, command, { maxBuffer: 1e8, cwd: root })).stdout;
  } catch (error) {
    // Exit code 1: there are errors among the Findings.
    if (error instanceof Error && 'code' in error && error.code === 1 && 'stdout' in error) return String(error.stdout);
    throw error;
  }
}

function policy(rules: string): string {
  return `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: web, namespace: shop }
spec:
  targetRefs: [{ group: "", kind: Service, name: web }]
  rules:
${rules}`;
}

function route(rule: string): string {
  return `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: web, namespace: shop }
spec: { hosts: [web], http: [${rule}] }
`;
}

const writeRules = (count: number, first = 0): string =>
  Array.from(
    { length: count },
    (_, n) => `  - to: [{ operation: { paths: [/p${first + n}, "/q/{*}/${first + n}"], methods: [GET] } }]\n`,
  ).join('');
const manyRules = writeRules(10_000);
/** As many rules again, no more in one policy than the API takes. */
const policies = Array.from({ length: 20 }, (_, n) =>
  policy(writeRules(500, n * 500)).replace('name: web', `name: web-${n}`),
).join('---\n');
const bomb = [
  'a0: &a0 [x, x, x, x, x, x, x, x, x, x]',
  ...Array.from({ length: 30 }, (_, n) => `a${n + 1}: &a${n + 1} [${Array(10).fill(`*a${n}`).join(', ')}]`),
].join('\n');
const numbers = [
  '1e308',
  '-1e308',
  '99999999999999999999999',
  '.inf',
  '.nan',
  '0x7fffffffffffffff',
  '9007199254740993',
];

const confusing: readonly Case[] = [
  [
    'bytes that are no UTF-8',
    Buffer.concat([
      Buffer.from(policy('  - to: [{ operation: { paths: [/')),
      Buffer.from([0xff, 0xfe, 0xc3, 0x28]),
      Buffer.from('] } }]\n'),
    ]),
    'InvalidValue',
  ],
  ['bytes of UTF-16', Buffer.from(policy('  - {}\n'), 'utf16le'), 'NotAnObject'],
  ['a NUL in a text', policy('  - to: [{ operation: { paths: ["/a\\0b"] } }]\n'), 'InvalidValue'],
  ['a NUL as it is', policy('  - to: [{ operation: { paths: [/a\0b] } }]\n'), 'InvalidValue'],
  ...numbers.map(
    (number) =>
      [
        `a weight of ${number}`,
        route(`{ route: [{ destination: { host: web }, weight: ${number} }] }`),
        'Invalid',
      ] as const,
  ),
  [
    'a duration beyond all time',
    route('{ timeout: "99999999999999999999999h", route: [{ destination: { host: web } }] }'),
    'InvalidValue',
  ],
  [
    'keys that other objects inherit',
    policy('  - { __proto__: { polluted: true }, constructor: { prototype: { polluted: true } } }\n'),
    'UnknownField',
  ],
];

const exhausting: readonly Case[] = [
  ['10,000 rules in one policy', policy(manyRules), 'InvalidValue'],
  ['10,000 rules, one of them misspelt', policies.replace(/operation/, 'operatoin'), 'UnknownField'],
  ['bytes of nothing', Buffer.alloc(megabytes10), 'NotAnObject'],
  ['aliases that multiply', bomb, 'SyntaxError'],
  [
    'aliases that multiply in a policy',
    `${policy('  - {}\n')}  extra:\n${bomb.replaceAll(/^/gm, '    ')}`,
    'SyntaxError',
  ],
  ['lists in lists', `a: ${'['.repeat(100_000)}`, 'SyntaxError'],
  ['objects in objects', Array.from({ length: 2000 }, (_, n) => `${' '.repeat(n)}a:`).join('\n'), 'SyntaxError'],
  ['JSON in JSON', `${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`, 'SyntaxError'],
  ['one text of 10 MB', route(`{ name: "${'a'.repeat(megabytes10)}" }`), 'SyntaxError'],
  ['one text of almost 10 MB', route(`{ nam: "${'a'.repeat(megabytes10 - 1000)}" }`), 'UnknownField'],
  ['10 MB of small objects', '---\n{kind: a}\n'.repeat(megabytes10 / 14), 'SyntaxError'],
  ['as many objects as are read', '---\n{kind: a}\n'.repeat(100_000), 'MissingField'],
  [
    'a regular expression that would grow',
    route('{ match: [{ uri: { regex: "((a{1,1000}){1,1000}){1,1000}" } }], route: [{ destination: { host: web } }] }'),
    'RegexInvalid',
  ],
];

it.each(confusing)('%s', async (...given) => {
  const told = await analyze(given, async (args) => (await runCommand(args)).out);
  expect(told.map(({ code }) => code).join(' ')).toContain(given[2]);
});

it.each(exhausting)(
  '%s',
  async (...given) => {
    const told = await analyze(given, runBounded);
    expect(told.map(({ code }) => code).join(' ')).toContain(given[2]);
    expect(told.length).toBeLessThan(250_000);
  },
  120_000,
);

it('10,000 rules are in effect, each of them, and accepted by Envoy', async () => {
  const { store, findings } = readMesh({ 'base.yaml': base.toString(), 'in.yaml': policies });
  expect(findings).toEqual([]);
  const sets = listWaypoints(store).map((key) => ({
    name: key.name,
    resources: translateWaypoint(store, key).resources,
  }));
  const rules = new Set(JSON.stringify(sets).match(/ns\[shop\]-policy\[web-\d+\]-rule\[\d+\]/g));
  expect(rules.size).toBe(10_000);
  const certificates = await writeTestCertificates(folder);
  expect(await findRefused(sets, { folder, certificates })).toEqual([]);
}, 120_000);

it('a mark of byte order, and lines that end as on Windows, change nothing', () => {
  const text = policy(
    '  - to: [{ operation: { paths: [/a] } }]\n    when: [{ key: "request.headers[x]", values: [a] }]\n',
  );
  const plain = readMesh({ 'base.yaml': base.toString(), 'in.yaml': text });
  const windows = readMesh({
    'base.yaml': base.toString(),
    'in.yaml': `\ufeff${text.replaceAll('\n', '\r\n')}`,
  });
  expect(windows.findings).toEqual([]);
  expect(windows.objects).toEqual(plain.objects);
});
