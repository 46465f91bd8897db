import { Readable } from 'node:stream';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { readLines } from './watch-lines.ts';

const line = fc.string({ unit: 'binary', minLength: 1, maxLength: 12 }).filter((text) => !text.includes('\n'));

async function read(chunks: readonly Buffer[]): Promise<readonly string[]> {
  const lines: string[] = [];
  for await (const some of readLines(Readable.from(chunks, { objectMode: false }))) lines.push(...some);
  return lines;
}

function cut(bytes: Buffer, at: readonly number[]): readonly Buffer[] {
  const places = [...new Set([0, ...at.map((place) => place % (bytes.length + 1)), bytes.length])].sort(
    (a, b) => a - b,
  );
  return places.slice(1).map((place, index) => bytes.subarray(places[index] ?? 0, place));
}

it('reads the same lines however they are cut into chunks', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(line), fc.array(fc.nat()), async (lines, at) => {
      const bytes = Buffer.from(lines.map((text) => `${text}\n`).join(''));
      const texts = lines.map((text) => Buffer.from(text).toString());
      expect(await read(cut(bytes, at))).toEqual(texts);
    }),
  );
});

it('never hands on half a line', async () => {
  await expect(read([Buffer.from('whole\nha'), Buffer.from('lf')])).rejects.toThrow('ended within a line');
});
