// Processes of a test end when told, with their own children, whether they want to or not.

import { readFileSync } from 'node:fs';
import { afterAll, expect, test } from 'vitest';
import { startProcess, stopAll, stopProcess } from './processes.ts';
import { waitFor } from './wait.ts';

afterAll(stopAll);

// A zombie that its new parent has not reaped yet does not run either.
function isAlive(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

test('output, input and exit code are kept', async () => {
  const started = await startProcess('sh', ['-c', 'cat; echo oh >&2; exit 3'], { input: 'hello' });
  expect(await started.exited).toEqual({ code: 3, signal: null });
  expect(started.stdout()).toBe('hello');
  expect(started.stderr()).toBe('oh\n');
  expect(started.output()).toContain('hello');
});

test('a variable can be added and removed', async () => {
  const started = await startProcess('sh', ['-c', 'echo "$A-$HOME"'], { env: { A: 'b', HOME: undefined } });
  await started.exited;
  expect(started.stdout()).toBe('b-\n');
});

test('a command that does not exist rejects', async () => {
  await expect(startProcess('/nonexistent/command', [])).rejects.toMatchObject({ code: 'ENOENT' });
});

test('TERM comes first, and KILL for one that ignores it, with its children', async () => {
  const polite = await startProcess('sh', [
    '-c',
    'trap "echo bye; exit 0" TERM; echo up; while :; do sleep 0.05; done',
  ]);
  await waitFor(() => polite.stdout().includes('up'));
  expect(await stopProcess(polite)).toEqual({ code: 0, signal: null });
  expect(polite.stdout()).toContain('bye');

  const stubborn = await startProcess('sh', ['-c', 'trap "" TERM; sleep 60 & echo $!; wait; sleep 60']);
  const child = Number(await waitFor(() => stubborn.stdout().trim() || undefined));
  expect(await stopProcess(stubborn, 100)).toEqual({ code: null, signal: 'SIGKILL' });
  await waitFor(() => !isAlive(child), { what: 'the end of the child' });
});

test('what a crashed process leaves behind lives on until stopAll', async () => {
  const crashed = await startProcess('sh', ['-c', 'sleep 60 & echo $!; wait']);
  const child = Number(await waitFor(() => crashed.stdout().trim() || undefined));
  process.kill(crashed.pid, 'SIGKILL');
  expect(await crashed.exited).toEqual({ code: null, signal: 'SIGKILL' });
  expect(isAlive(child)).toBe(true);
  await stopAll();
  await waitFor(() => !isAlive(child), { what: 'the end of the child' });
});
