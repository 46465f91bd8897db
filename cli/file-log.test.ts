// The log of a run when it cannot be written, and when it grows.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createFileLog } from './file-log.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cairn-log-'));
});

afterEach(() => rmSync(directory, { recursive: true }));

function messages(path: string): readonly string[] {
  const lines = readFileSync(path, 'utf8').trim().split('\n');
  return lines.map((line) => (JSON.parse(line) as { message: string }).message);
}

it('what cannot be written is lost, throws nothing, and is counted once there is room again', () => {
  const path = join(directory, 'cairn.log');
  const log = createFileLog(path);
  log('info', 'first', {});
  rmSync(path);
  mkdirSync(path);
  log('info', 'lost', {});
  log('error', 'lost too', {});
  rmSync(path, { recursive: true });
  log('info', 'again', {});
  expect(messages(path)).toEqual(['again', 'lines of this log could not be written and are lost']);
  expect(readFileSync(path, 'utf8')).toContain('"lines":2');
});

it('is bounded: what is older is in one other file, and what is older still is gone', () => {
  const path = join(directory, 'cairn.log');
  const log = createFileLog(path, 10_000);
  for (let count = 0; count < 1_000; count += 1) log('info', `message ${count}`, {});
  expect(readdirSync(directory).sort()).toEqual(['cairn.log', 'cairn.log.1']);
  for (const file of ['cairn.log', 'cairn.log.1']) expect(statSync(join(directory, file)).size).toBeLessThan(10_200);
  expect(messages(path).at(-1)).toBe('message 999');
});
