import {
  appendFileSync,
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { boundFile } from './bounded-file.ts';

it('a log that grows is emptied for its writers, and what it held is beside it', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'cairn-bounded-'));
  const path = join(directory, 'envoy.log');
  const writer = openSync(path, 'a');
  try {
    writeSync(writer, 'x'.repeat(100));
    await boundFile(path, 100);
    expect(readdirSync(directory)).toEqual(['envoy.log']);
    appendFileSync(path, 'y');
    await boundFile(path, 100);
    writeSync(writer, 'z');
    expect(readFileSync(path, 'utf8')).toBe('z');
    expect(readFileSync(`${path}.1`, 'utf8')).toHaveLength(101);
    await boundFile(join(directory, 'none'), 100);
  } finally {
    closeSync(writer);
    rmSync(directory, { recursive: true });
  }
});
