import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { loadOrCreateAuthority } from './authority-files.ts';
import { createPrivateKey, formatPrivateKey } from './request.ts';

const input = { trustDomain: 'cluster.local', now: new Date() };
let state: string;

beforeEach(async () => {
  state = await mkdtemp(join(tmpdir(), 'cairn-authority-'));
});
afterEach(() => rm(state, { recursive: true }));

it('makes the files once, readable by their owner only, and finds them again', async () => {
  const first = await loadOrCreateAuthority(join(state, 'ca'), input);
  expect((await readdir(join(state, 'ca'))).sort()).toEqual(['ca-cert.pem', 'ca-key.pem', 'root-cert.pem']);
  expect((await stat(join(state, 'ca'))).mode & 0o777).toBe(0o700);
  expect((await stat(join(state, 'ca/ca-key.pem'))).mode & 0o777).toBe(0o600);
  expect((await loadOrCreateAuthority(join(state, 'ca'), input)).pems).toEqual(first.pems);
});

it('agrees on one authority when several start at once, and leaves nothing behind', async () => {
  const directory = join(state, 'deep/ca');
  const all = await Promise.all(Array.from({ length: 8 }, () => loadOrCreateAuthority(directory, input)));
  expect(new Set(all.map((authority) => authority.rootPem)).size).toBe(1);
  expect(await readdir(join(state, 'deep'))).toEqual(['ca']);
});

it('says which file is missing or wrong, and never replaces what a user put there', async () => {
  const directory = join(state, 'ca');
  await loadOrCreateAuthority(directory, input);
  const key = formatPrivateKey(createPrivateKey());
  await writeFile(join(directory, 'ca-key.pem'), key);
  await expect(loadOrCreateAuthority(directory, input)).rejects.toMatchObject({ code: 'KeyMismatch' });
  expect(await readFile(join(directory, 'ca-key.pem'), 'utf8')).toBe(key);
  await rm(join(directory, 'ca-key.pem'));
  const missing = { code: 'AuthorityIncomplete', message: expect.stringContaining('ca-key.pem') as string };
  await expect(loadOrCreateAuthority(directory, input)).rejects.toMatchObject(missing);
});

it('refuses a directory with other files rather than mixing with them', async () => {
  const directory = join(state, 'ca');
  await mkdir(directory);
  await writeFile(join(directory, 'notes.txt'), 'mine');
  await expect(loadOrCreateAuthority(directory, input)).rejects.toMatchObject({ code: 'AuthorityUnreadable' });
  expect(await readdir(state)).toEqual(['ca']);
});
