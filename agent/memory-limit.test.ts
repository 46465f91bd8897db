import { totalmem } from 'node:os';
import { expect, it } from 'vitest';
import { readHeapLimit } from './memory-limit.ts';

const mebibyte = 1024 * 1024;
const saying = (limits: Readonly<Record<string, string>>) => (file: string) => {
  const limit = limits[file];
  return limit === undefined ? Promise.reject(new Error('no such file')) : Promise.resolve(limit);
};

it('leaves the agent its part of what the container may use', async () => {
  expect(await readHeapLimit(saying({ '/sys/fs/cgroup/memory.max': `${1024 * mebibyte}\n` }))).toBe(864);
  const old = { '/sys/fs/cgroup/memory/memory.limit_in_bytes': String(512 * mebibyte) };
  expect(await readHeapLimit(saying(old))).toBe(352);
});

it('takes what the machine has where nothing limits the container', async () => {
  const all = Math.floor(totalmem() / mebibyte) - 160;
  expect(await readHeapLimit(saying({}))).toBe(all);
  expect(await readHeapLimit(saying({ '/sys/fs/cgroup/memory.max': 'max\n' }))).toBe(all);
  // Version 1 writes a number beyond every memory.
  const none = { '/sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712' };
  expect(await readHeapLimit(saying(none))).toBe(all);
});

it('lets Envoy start in a container that is too small', async () => {
  expect(await readHeapLimit(saying({ '/sys/fs/cgroup/memory.max': String(64 * mebibyte) }))).toBe(128);
});
