import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  closeSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DirectorySource } from './directory-source.ts';
import type { DirectoryState } from './directory-source.ts';
import { parseKept } from './last-good.ts';
import type { KeptObjects } from './last-good.ts';
import { waitFor } from '../../test/support/wait.ts';

let directory: string;
let source: DirectorySource;
/** A state with its Findings. */
interface SeenState extends Omit<DirectoryState, 'objects' | 'findings'> {
  readonly objects: ReturnType<DirectoryState['objects']>;
  readonly findings: ReturnType<DirectoryState['findings']>;
}

let states: SeenState[];
let errors: Error[];

function service(name: string, port = 80): string {
  return `apiVersion: v1\nkind: Service\nmetadata:\n  name: ${name}\nspec:\n  ports:\n    - port: ${port}\n`;
}

function put(name: string, text: string): void {
  writeFileSync(join(directory, name), text);
}

/** `name:port` of every Service in force, sorted. */
function inForce(): readonly string[] {
  return (states.at(-1)?.objects ?? [])
    .map((object) => (object.kind === 'Service' ? `${object.metadata.name}:${object.spec.ports?.[0]?.port}` : ''))
    .sort();
}

async function expectInForce(...names: readonly string[]): Promise<void> {
  await waitFor(() => inForce().join() === names.join(), { what: names.join(), timeout: 5_000 }).catch(() => undefined);
  expect(inForce()).toEqual(names);
}

/** The states, as lists of names: what a watcher would have seen in force. */
function seen(): readonly string[] {
  return states.map((state) => state.objects.map(({ metadata }) => metadata.name).join());
}

async function start(rescanInterval = 60_000, kept: KeptObjects = {}): Promise<void> {
  source = new DirectorySource({
    directory,
    rescanInterval,
    kept,
    onChange: (state) => void states.push({ ...state, objects: state.objects(), findings: state.findings() }),
    onError: (error) => errors.push(error),
  });
  await source.start();
}

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cairn-source-'));
  states = [];
  errors = [];
});

afterEach(async () => {
  await source.stop();
  rmSync(directory, { recursive: true, force: true });
});

test('reads files of all depths in the order of their names, and neither hidden files nor temporaries', async () => {
  mkdirSync(join(directory, 'b'));
  mkdirSync(join(directory, '.git'));
  for (const name of ['b/y.yaml', 'a.yml', 'c.json', '.hidden.yaml', '.git/d.yaml', 'x.yaml~', '#x.yaml', 'note.txt']) {
    put(name, service(name.replaceAll(/[^a-z]/g, '')));
  }
  await start();
  expect(seen()).toEqual(['ayml,byyaml,cjson']);
});

test('an edit, a new file in a new directory and a deletion take effect', async () => {
  put('a.yaml', service('a'));
  await start();
  put('a.yaml', service('a', 81));
  await expectInForce('a:81');
  mkdirSync(join(directory, 'more'));
  put('more/b.yaml', service('b'));
  await expectInForce('a:81', 'b:80');
  rmSync(join(directory, 'a.yaml'));
  await expectInForce('b:80');
});

test('a new version that is renamed into place takes effect, and nothing is deleted in between', async () => {
  put('a.yaml', service('a'));
  await start();
  // As vim with a backup: the old file is moved away, then the new one is written under its name.
  renameSync(join(directory, 'a.yaml'), join(directory, 'a.yaml~'));
  await sleep(20);
  put('a.yaml', service('a', 81));
  await expectInForce('a:81');
  // As most other editors: a temporary file is moved over it.
  put('.a.yaml.swp', service('a', 82));
  renameSync(join(directory, '.a.yaml.swp'), join(directory, 'a.yaml'));
  await expectInForce('a:82');
  expect(seen().filter((names) => names !== 'a')).toEqual([]);
});

test('a file that is being written is read when it is whole', async () => {
  put('a.yaml', `${service('a')}---\n${service('b')}`);
  await start();
  const text = `${service('a', 81)}---\n${service('b', 81)}`;
  const file = openSync(join(directory, 'a.yaml'), 'w');
  for (let i = 0; i < text.length; i += 40) {
    writeSync(file, text.slice(i, i + 40));
    await sleep(10);
  }
  closeSync(file);
  await expectInForce('a:81', 'b:81');
  expect(seen().filter((names) => names !== 'a,b')).toEqual([]);
  expect(states.flatMap(({ findings }) => findings)).toEqual([]);
});

test('a file that does not parse leaves its last good objects in force, says where it is wrong, and recovers', async () => {
  put('a.yaml', service('a'));
  put('b.yaml', service('b'));
  await start();
  put('a.yaml', 'apiVersion: v1\nkind: Service\nmetadata: {name: "a\n');
  await waitFor(() => (states.at(-1)?.findings.length ?? 0) > 0, { what: 'a finding' });
  expect(inForce()).toEqual(['a:80', 'b:80']);
  expect(states.at(-1)?.brokenFiles).toEqual([join(directory, 'a.yaml')]);
  const [finding] = states.at(-1)?.findings ?? [];
  expect(finding?.position?.file).toBe(join(directory, 'a.yaml'));
  expect(finding?.message).toContain('The last good version of Service default/a stays in force.');
  put('a.yaml', service('a', 81));
  await expectInForce('a:81', 'b:80');
  expect(states.at(-1)?.findings).toEqual([]);
  expect(states.at(-1)?.brokenFiles).toEqual([]);
});

test('an object that is spoilt keeps its last good version, while others of its file change', async () => {
  put('a.yaml', `${service('a')}---\n${service('b')}`);
  await start();
  put('a.yaml', `${service('a').replace('port: 80', 'port: eighty')}---\n${service('b', 81)}`);
  await expectInForce('a:80', 'b:81');
  expect(states.at(-1)?.findings).toMatchObject([{ code: 'InvalidType', position: { line: 7 } }]);
  expect(states.at(-1)?.findings[0]?.message).toContain('The last good version stays in force.');
  // Broken twice, in two ways: the last good version is still the one before both.
  put('a.yaml', 'kind: [');
  await waitFor(() => states.at(-1)?.findings[0]?.code === 'SyntaxError', { what: 'the syntax error' });
  expect(inForce()).toEqual(['a:80', 'b:81']);
});

test('what a broken file left in force stays in force in the next life, until the file says otherwise', async () => {
  put('a.yaml', service('a'));
  put('b.yaml', service('b'));
  await start();
  put('a.yaml', 'kind: [');
  await waitFor(() => (states.at(-1)?.findings.length ?? 0) > 0, { what: 'a finding' });
  await source.stop();
  const kept = parseKept(JSON.parse(JSON.stringify(states.at(-1)?.kept)) as Record<string, unknown>);
  states = [];
  await start(60_000, kept);
  expect(inForce()).toEqual(['a:80', 'b:80']);
  put('a.yaml', service('a', 81));
  await expectInForce('a:81', 'b:80');
  expect(states.at(-1)?.kept).toEqual({});
});

test('a broken file that is deleted takes its objects with it', async () => {
  put('a.yaml', service('a'));
  put('b.yaml', service('b'));
  await start();
  put('a.yaml', 'kind: [');
  await waitFor(() => (states.at(-1)?.findings.length ?? 0) > 0, { what: 'a finding' });
  rmSync(join(directory, 'a.yaml'));
  await expectInForce('b:80');
  expect(states.at(-1)?.findings).toEqual([]);
});

test('an object that moves from one file to another is never gone', async () => {
  put('a.yaml', service('a'));
  await start();
  renameSync(join(directory, 'a.yaml'), join(directory, 'b.yaml'));
  await waitFor(
    () =>
      states.at(-1)?.locate({ kind: 'Service', namespace: 'default', name: 'a' }, [])?.file.endsWith('b.yaml') === true,
    { what: 'the new place' },
  );
  expect(seen().filter((names) => names !== 'a')).toEqual([]);
});

test('a directory that is gone for a while takes nothing out of force', async () => {
  put('a.yaml', service('a'));
  await start(50);
  renameSync(directory, `${directory}.away`);
  await waitFor(() => errors.length > 0, { what: 'the error' });
  expect(inForce()).toEqual(['a:80']);
  renameSync(`${directory}.away`, directory);
  put('a.yaml', service('a', 81));
  await expectInForce('a:81');
  expect(errors).toHaveLength(1);
});

test('what the system does not tell is seen by looking again', async () => {
  put('a.yaml', service('a'));
  await start(50);
  // A directory that is linked to is not watched.
  appendFileSync(join(directory, 'a.yaml'), `---\n${service('b')}`);
  await expectInForce('a:80', 'b:80');
});

const policy = (paths: string): string => `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: it, namespace: shop}
spec:
  targetRefs: [{kind: Service, group: "", name: web}]
  action: DENY
  rules:
${paths
  .split(' ')
  .map((path) => `  - to: [{operation: {paths: [${path}]}}]\n`)
  .join('')}`;

/** The number of rules of the policy in force in each state, -1 for no policy. */
function rulesSeen(): readonly number[] {
  return states.map(({ objects }) => {
    const found = objects.find(({ metadata }) => metadata.name === 'it');
    return found?.kind === 'AuthorizationPolicy' ? (found.spec.rules ?? []).length : -1;
  });
}

test.each([
  ['emptied', (): void => put('a.yaml', '')],
  ['cut in the middle of a line', (): void => put('a.yaml', policy('/a /b /c').slice(0, -10))],
  ['cut behind a rule, so that it means less', (): void => put('a.yaml', policy('/a'))],
  ['cut behind its metadata', (): void => put('a.yaml', policy('/a').slice(0, policy('/a').indexOf('spec:')))],
  ['gone', (): void => rmSync(join(directory, 'a.yaml'))],
])('a file that is %s for 300 ms while it is saved opens nothing', async (_how, spoil) => {
  put('a.yaml', policy('/a /b /c'));
  await start(20);
  spoil();
  await sleep(300);
  expect(rulesSeen()).toEqual(rulesSeen().map(() => 3));
  put('a.yaml', policy('/a /b /c /d'));
  await waitFor(() => rulesSeen().at(-1) === 4, { what: 'the whole text', timeout: 5_000 });
  expect(rulesSeen().filter((rules) => rules < 3)).toEqual([]);
});

test('a file that stays without a text keeps what was in force, and says so; one that is deleted does not', async () => {
  put('a.yaml', policy('/a'));
  await start();
  put('a.yaml', ' \n');
  await waitFor(() => (states.at(-1)?.findings.length ?? 0) > 0, { what: 'the finding', timeout: 5_000 });
  expect(states.at(-1)?.findings).toMatchObject([
    { code: 'FileNotReadable', hint: expect.stringContaining('delete') as unknown },
  ]);
  expect(states.at(-1)?.findings[0]?.message).toContain(
    'last good version of AuthorizationPolicy shop/it stays in force',
  );
  await sleep(1_500);
  expect(rulesSeen().at(-1)).toBe(1);
  put('a.yaml', '# nothing any more\n');
  await waitFor(() => rulesSeen().at(-1) === -1, { what: 'the deletion', timeout: 5_000 });
});

test('what rests before it counts holds no other file up', async () => {
  put('a.yaml', policy('/a'));
  put('b.yaml', service('b'));
  await start();
  rmSync(join(directory, 'a.yaml'));
  await sleep(100);
  const begin = Date.now();
  put('b.yaml', service('b', 81));
  await expectInForce('', 'b:81');
  expect(Date.now() - begin).toBeLessThan(700);
  await expectInForce('b:81');
});

test('what closes because nothing of it can be read stays closed while less and less can be, also in the next life', async () => {
  await start();
  put('a.yaml', policy('/a').replace('DENY', 'DENIED'));
  await waitFor(() => rulesSeen().at(-1) === 1, { what: 'the stand-in' });
  put('a.yaml', 'kind: [');
  await waitFor(() => states.at(-1)?.findings[0]?.code === 'SyntaxError', { what: 'the syntax error', timeout: 5_000 });
  expect(rulesSeen().at(-1)).toBe(1);
  expect(states.at(-1)?.findings[0]?.message).toContain('everything to Service shop/web is denied');
  await source.stop();
  const kept = parseKept(JSON.parse(JSON.stringify(states.at(-1)?.kept)) as Record<string, unknown>);
  states = [];
  await start(60_000, kept);
  expect(rulesSeen()).toEqual([1]);
  put('a.yaml', policy('/a /b'));
  await waitFor(() => rulesSeen().at(-1) === 2, { what: 'the policy', timeout: 5_000 });
  expect(states.at(-1)?.kept).toEqual({});
});

const odd: Readonly<Record<string, (path: string) => void>> = {
  'a pipe': (path) => void execFileSync('mkfifo', [path]),
  'a device': (path) => symlinkSync('/dev/zero', path),
  'a link to itself': (path) => symlinkSync(path, path),
  'a link that leads nowhere': (path) => symlinkSync('/nowhere', path),
  'a link to a folder': (path) => symlinkSync('/tmp', path),
  'a file of 10 GB': (path) => {
    put(basename(path), '');
    truncateSync(path, 10 * 2 ** 30);
  },
};

test.each(Object.entries(odd))('%s costs itself only, and says so', async (_name, make) => {
  put('a.yaml', service('a'));
  make(join(directory, 'odd.yaml'));
  await start(50);
  make(join(directory, 'later.yaml'));
  put('a.yaml', service('a', 81));
  await expectInForce('a:81');
  await waitFor(() => states.at(-1)?.findings.length === 2, { what: 'both findings' });
  expect(states.at(-1)?.findings.map(({ code, position }) => [code, basename(position?.file ?? '')])).toEqual([
    ['FileNotReadable', 'later.yaml'],
    ['FileNotReadable', 'odd.yaml'],
  ]);
  expect(errors).toEqual([]);
  rmSync(join(directory, 'odd.yaml'));
  rmSync(join(directory, 'later.yaml'));
  await waitFor(() => states.at(-1)?.findings.length === 0, { what: 'no finding', timeout: 5_000 });
});

test('a folder that is called like a manifest is read as a folder', async () => {
  await start(50);
  mkdirSync(join(directory, 'odd.yaml'));
  put('odd.yaml/a.yaml', service('a'));
  await expectInForce('a:80');
  expect(states.at(-1)?.findings).toEqual([]);
});

test('a start on a directory that does not exist is an error', async () => {
  rmSync(directory, { recursive: true });
  await expect(start()).rejects.toThrow('ENOENT');
});
