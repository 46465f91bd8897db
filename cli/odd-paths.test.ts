// Paths that are no files or folders, for every command that takes a path: an error at once, and
// never something to wait for.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runCommand } from '../test/support/command-line.ts';

let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'cairn-paths-'));
  execFileSync('mkfifo', [join(directory, 'pipe')]);
  symlinkSync('loop', join(directory, 'loop'));
  writeFileSync(join(directory, 'file'), '');
});

afterAll(() => rmSync(directory, { recursive: true }));

it.each([
  ['run --config DIR --state /proc/x', 'the state folder /proc/x cannot be used'],
  ['run --config DIR --state DIR/file', 'is not a folder'],
  ['run --config DIR --state DIR/file/x', 'ENOTDIR'],
  ['run --config DIR --state DIR/loop', 'ELOOP'],
  ['run --config DIR/pipe --state DIR/state', 'is not a folder'],
  ['run --config DIR/loop --state DIR/state', 'ELOOP'],
  ['run --config /dev/zero --state DIR/state', 'is not a folder'],
  ['analyze -f /dev/zero', 'larger than 10 MB'],
  ['analyze -f DIR/loop', 'ELOOP'],
  ['translate -f DIR/none', 'ENOENT'],
  ['install --kustomize /proc/x/y', 'ENOENT'],
  ['install --helm DIR/file', 'is not a folder'],
  ['waypoint list --kubeconfig /dev/zero', 'is not a file'],
  ['waypoint list --kubeconfig DIR', 'is not a file'],
  ['proxy-config cluster -f /dev/zero', 'is not a file'],
])('%s', async (line, message) => {
  const { code, err } = await runCommand(line.replaceAll('DIR', directory).split(' '));
  expect(err).toContain(message);
  expect(code).not.toBe(0);
});
