// The state of a run is whole on disk or not at all, is retried until it is written, and is an
// error at once if it never can be. The Finding is `StateNotWritten`.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { makeFolder } from '../../certificates/index.ts';
import { prepareState, StateFile, statePaths, writeState } from './state.ts';
import { waitFor } from '../../test/support/wait.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cairn-state-'));
});

afterEach(() => rmSync(directory, { recursive: true }));

it('what cannot be written is tried until it is: the newest text, and nothing beside it', async () => {
  const path = join(directory, 'last-good.json');
  const told: (string | undefined)[] = [];
  const file = new StateFile(path, (failure) => told.push(failure));
  // No text can replace a folder of that name.
  mkdirSync(join(path, 'x'), { recursive: true });
  file.save('older');
  await waitFor(() => file.failure !== undefined, { what: 'the failure' });
  file.save('newer');
  expect(told).toHaveLength(1);
  expect(told[0]).toContain(path);
  rmSync(path, { recursive: true });
  await waitFor(() => file.failure === undefined, { what: 'another try', timeout: 5_000 });
  expect(readFileSync(path, 'utf8')).toBe('newer');
  expect(told).toEqual([told[0], undefined]);
  expect(readdirSync(directory)).toEqual(['last-good.json']);
});

it('a text that comes back to what is written is written again after a failure in between', async () => {
  const path = join(directory, 'file');
  const file = new StateFile(path, () => undefined);
  file.save('first');
  await file.flush();
  rmSync(path);
  mkdirSync(join(path, 'x'), { recursive: true });
  file.save('second');
  await waitFor(() => file.failure !== undefined, { what: 'the failure' });
  rmSync(path, { recursive: true });
  await waitFor(() => file.failure === undefined, { what: 'the text', timeout: 5_000 });
  file.save('first');
  await file.flush();
  expect(readFileSync(path, 'utf8')).toBe('first');
});

it.each(['/proc/cairn', '/proc/cairn/deeper', '/dev/null', '/dev/null/deeper', '/sys/cairn'])(
  'a state folder %s is an error at once',
  async (path) => {
    await expect(prepareState(statePaths(path))).rejects.toThrow(`the state folder ${path} cannot be used`);
  },
);

it('makes all folders above, and says which is none', async () => {
  await makeFolder(join(directory, 'a/b/c'));
  await writeState(join(directory, 'a/b/d/file'), 'x');
  expect(readdirSync(join(directory, 'a/b')).sort()).toEqual(['c', 'd']);
  writeFileSync(join(directory, 'file'), '');
  await expect(makeFolder(join(directory, 'file'))).rejects.toThrow(`${join(directory, 'file')} is not a folder`);
  await expect(makeFolder(join(directory, 'file/deeper'))).rejects.toThrow('ot a ');
});
