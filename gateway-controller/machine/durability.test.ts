// The state after a power cut, as far as the order of calls shows it: a text is on disk before it
// has its name, and the name before anybody relies on it.

import { mkdtempSync, rmSync } from 'node:fs';
import type * as fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { loadOrCreateAuthority } from '../../certificates/index.ts';
import { writeState } from './state.ts';

const calls: string[] = [];

vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof fs>();
  const nameOf = (path: string): string => basename(path).replace(/[0-9a-f]{8,}/, '#');
  return {
    ...real,
    open: async (path: string, ...rest: [string, number?]): Promise<fs.FileHandle> => {
      const file = await real.open(path, ...rest);
      const sync = file.sync.bind(file);
      file.sync = async (): Promise<void> => {
        await sync();
        calls.push(`sync ${nameOf(path)}`);
      };
      return file;
    },
    rename: async (from: string, to: string): Promise<void> => {
      await real.rename(from, to);
      calls.push(`rename ${nameOf(from)} ${nameOf(to)}`);
    },
  };
});

let directory: string;

beforeEach(() => {
  directory = join(mkdtempSync(join(tmpdir(), 'cairn-durable-')), 'state');
  calls.length = 0;
});

afterEach(() => rmSync(dirname(directory), { recursive: true }));

it('a state file', async () => {
  await writeState(join(directory, 'run.json'), '{}');
  expect(calls).toEqual(['sync run.json.#.tmp', 'rename run.json.#.tmp run.json', 'sync state']);
});

it('an authority', async () => {
  await loadOrCreateAuthority(join(directory, 'ca'), { trustDomain: 'cluster.local', now: new Date() });
  expect(calls).toEqual([
    'sync root-cert.pem',
    'sync ca-cert.pem',
    'sync ca-key.pem',
    'sync .ca-#',
    'rename .ca-# ca',
    'sync state',
  ]);
});
