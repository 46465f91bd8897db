import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { endOrphan, guardProcess } from './orphan.ts';
import { waitFor } from '../test/support/wait.ts';

let directory: string;
let bootstrap: string;
let child: ChildProcess;
let gone: boolean;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cairn-orphan-'));
  bootstrap = join(directory, 'envoy.json');
  child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)', bootstrap]);
  gone = false;
  child.once('exit', () => (gone = true));
  await once(child, 'spawn');
});
afterEach(async () => {
  child.kill('SIGKILL');
  // Otherwise its end would be taken for that of the next test's process.
  await waitFor(() => gone, { what: 'the process is gone' });
  await rm(directory, { recursive: true });
});

it('ends what an earlier agent left in the directory', async () => {
  const pidFile = join(directory, 'envoy.pid');
  await writeFile(pidFile, String(child.pid));
  expect(await endOrphan(pidFile, bootstrap)).toBe(true);
  // Node reports the end a moment after the process has ended.
  await waitFor(() => gone, { what: 'the process is gone', timeout: 1_000 });
});

it('leaves alone a process that only has the same pid', async () => {
  const pidFile = join(directory, 'envoy.pid');
  await writeFile(pidFile, String(child.pid));
  expect(await endOrphan(pidFile, join(directory, 'other.json'))).toBe(false);
  await writeFile(pidFile, 'not a pid');
  expect(await endOrphan(pidFile, bootstrap)).toBe(false);
  expect(gone).toBe(false);
});

it('ends the guarded process when the guardian is killed, and not when it is called off', async () => {
  const unguard = guardProcess(child.pid ?? 0);
  unguard();
  const module = join(import.meta.dirname, 'orphan.ts');
  const script = `import(${JSON.stringify(module)}).then((m) => { m.guardProcess(${child.pid}); console.log('guarded'); setInterval(() => {}, 1000); });`;
  const guardian = spawn(process.execPath, ['--import', 'tsx', '-e', script]);
  await once(guardian.stdout, 'data');
  expect(gone).toBe(false);
  guardian.kill('SIGKILL');
  await waitFor(() => gone, { what: 'the guarded process is gone' });
});
