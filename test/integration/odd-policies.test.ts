// Files that cannot be read, written while `cairn run` runs, as clients meet them. A service that
// is to be closed is closed at once and after a restart, a closed one stays closed while a file is
// saved, and a path that is no file does not delay the others.

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { oddPolicies } from '../hostile/odd-policies.ts';
import { LocalRun, shopManifests } from '../support/local-run.ts';
import { waitFor } from '../support/wait.ts';
import { type EchoWorkload, startEcho } from '../support/workload.ts';

const root = resolve(import.meta.dirname, '../..');
const run = new LocalRun();
const port = 8080;
let web: EchoWorkload;
let other: EchoWorkload;
const denied = `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: closed, namespace: shop }
spec:
  targetRefs: [{ group: '', kind: Service, name: web }]
  action: DENY
  rules: [{ to: [{ operation: { paths: ["/*"] } }] }]
`;

async function ask(service: string): Promise<number> {
  return (await run.ask(service, { from: 'client', port })).status;
}

/** The answers of `web` and `other`. */
async function both(): Promise<string> {
  return `${await ask('web')} ${await ask('other')}`;
}

async function expectBoth(answers: string): Promise<void> {
  await waitFor(async () => (await both()) === answers, { timeout: 10_000 }).catch(() => undefined);
  expect(await both()).toBe(answers);
}

beforeAll(async () => {
  const workloads = ['web', 'other', 'client'];
  run.write('shop.yaml', shopManifests({ services: ['web', 'other'], port: { name: 'http', port }, workloads }));
  await run.start();
  web = await startEcho(run.address('web'), port, { name: 'web' });
  other = await startEcho(run.address('other'), port, { name: 'other' });
  await expectBoth('200 200');
}, 90_000);

afterAll(async () => {
  await run.close();
  await web.close();
  await other.close();
}, 60_000);

/** One of each kind of slip. */
const judged: Readonly<Record<string, string>> = {
  'a path template that cannot be expressed': '403 200',
  'an unclosed bracket behind the targets': '403 200',
  'a key given twice in the rules': '403 200',
  'a tab behind the targets': '403 200',
  'an empty spec': '403 403',
  'a misspelt kind of target': '403 403',
  'cut off in the targets': '403 403',
  'a misspelt kind': '403 200',
  'a RequestAuthentication that is cut off': '403 200',
  'a BackendTLSPolicy with a spoilt hostname': '503 200',
  'a BackendTLSPolicy whose target cannot be read': '503 503',
  'AUDIT, which decides nothing': '200 200',
  'a rule with TLS and a spoilt load balancer': '503 200',
  'a rule with TLS for a subset without a name': '503 200',
  'a rule with an unclosed quote before TLS': '503 200',
  'a rule that is cut off in whom it is exported to': '503 200',
  'a rule that is exported to others': '200 200',
  'a rule with TLS whose host cannot be read': '200 200',
  'a rule with a spoilt load balancer': '200 200',
};

it.each(Object.entries(judged))('closed at once, and opened when it is mended: %s', async (name, answers) => {
  const text = oddPolicies.find((policy) => policy.name === name)?.text ?? '';
  const before = (await run.codes()).length;
  run.write('odd.yaml', text.replaceAll('$N', 'shop'));
  await waitFor(async () => (await run.codes()).length > before, { timeout: 10_000 });
  await expectBoth(answers);
  rmSync(run.path('config/odd.yaml'));
  await waitFor(async () => (await run.codes()).length === before, { timeout: 10_000 });
  await expectBoth('200 200');
});

it('closed after a restart as before it, also where what closed it cannot be read any more', async () => {
  run.write('odd.yaml', denied.replace('DENY', 'DENIED'));
  await expectBoth('403 200');
  run.write('odd.yaml', 'kind: [');
  await waitFor(async () => (await run.codes()).includes('SyntaxError'), { timeout: 10_000 });
  await expectBoth('403 200');
  await run.stop();
  await run.start();
  await expectBoth('403 200');
  rmSync(run.path('config/odd.yaml'));
  await expectBoth('200 200');
}, 60_000);

it('a policy file that is cut off, emptied or away for 300 ms opens nothing, not for one request', async () => {
  run.write('odd.yaml', denied);
  await expectBoth('403 200');
  const file = run.path('config/odd.yaml');
  const spoils = [
    (): void => writeFileSync(file, ''),
    (): void => writeFileSync(file, denied.slice(0, denied.indexOf('rules') - 3)),
    (): void => writeFileSync(file, denied.slice(0, 60)),
    (): void => rmSync(file),
  ];
  for (const spoil of spoils) {
    const seen = new Set<number>();
    spoil();
    const end = Date.now() + 300;
    while (Date.now() < end) seen.add(await ask('web'));
    writeFileSync(file, `${denied}# ${Date.now()}\n`);
    for (let count = 0; count < 20; count += 1) seen.add(await ask('web'));
    expect([...seen]).toEqual([403]);
  }
  rmSync(file);
  await expectBoth('200 200');
}, 60_000);

it('what was closed when the state could not be written is closed after a restart, since the write is tried again', async () => {
  run.write('odd.yaml', denied);
  await expectBoth('403 200');
  const state = run.path('state/last-good.json');
  rmSync(state, { force: true });
  mkdirSync(join(state, 'x'), { recursive: true });
  run.write('odd.yaml', 'kind: [');
  await waitFor(async () => (await run.codes()).includes('StateNotWritten'), { timeout: 10_000 });
  rmSync(state, { recursive: true });
  await waitFor(async () => !(await run.codes()).includes('StateNotWritten'), { timeout: 20_000 });
  await run.stop();
  await run.start();
  await expectBoth('403 200');
  rmSync(run.path('config/odd.yaml'));
  await expectBoth('200 200');
}, 90_000);

it('a pipe, a device and a link to itself are Findings, edits go on, and the run ends when it is told to', async () => {
  execFileSync('mkfifo', [run.path('config/pipe.yaml')]);
  symlinkSync('/dev/zero', run.path('config/zero.yaml'));
  symlinkSync('loop.yaml', run.path('config/loop.yaml'));
  const unread = async (): Promise<number> => (await run.codes()).filter((code) => code === 'FileNotReadable').length;
  await waitFor(async () => (await unread()) === 3, { timeout: 10_000 });
  writeFileSync(run.path('config/.odd'), denied);
  renameSync(run.path('config/.odd'), run.path('config/odd.yaml'));
  await expectBoth('403 200');
  const begin = Date.now();
  await run.stop();
  expect(Date.now() - begin).toBeLessThan(20_000);
  await run.start();
  await expectBoth('403 200');
}, 60_000);

it('a disk that is full for all that is said ends nothing: the log, the standard output, the standard error', async () => {
  const log = run.path('state/cairn.log');
  await run.stop();
  rmSync(log);
  symlinkSync('/dev/full', log);
  await run.start();
  const full = openSync('/dev/full', 'w');
  const flags = ['--config', run.path('config'), '--state', run.path('second'), '--admin-port', '0'];
  const second = spawn(process.execPath, ['--import', 'tsx', join(root, 'cli/main.ts'), 'run', ...flags], {
    cwd: root,
    stdio: ['ignore', full, full],
  });
  try {
    const logged = (): string => readFileSync(run.path('second/cairn.log'), { encoding: 'utf8', flag: 'a+' });
    await waitFor(() => existsSync(run.path('second')) && logged().includes('control plane started'), {
      timeout: 30_000,
    });
    rmSync(run.path('config/odd.yaml'));
    await expectBoth('200 200');
    const steps = (): number => logged().split('configuration applied').length;
    const before = steps();
    run.write('odd.yaml', denied);
    await expectBoth('403 200');
    await waitFor(() => steps() > before, { timeout: 10_000 });
    expect(second.exitCode).toBe(null);
  } finally {
    const ended = once(second, 'exit');
    second.kill('SIGTERM');
    await ended;
    closeSync(full);
  }
  expect(second.exitCode).toBe(0);
}, 120_000);
