// Splits the chunks of a watch into lines.

import type { Readable } from 'node:stream';

/**
 * The complete lines of each chunk. Throws when the stream breaks or ends within a line: half a
 * line is never handed on.
 */
export async function* readLines(stream: Readable): AsyncGenerator<readonly string[], void, void> {
  stream.setEncoding('utf8');
  // A line may take many chunks: they are joined once.
  let pending: string[] = [];
  for await (const chunk of stream as AsyncIterable<string>) {
    const [first = '', ...rest] = chunk.split('\n');
    pending.push(first);
    if (rest.length === 0) {
      yield [];
      continue;
    }
    const lines = [pending.join(''), ...rest.slice(0, -1)].filter((line) => line !== '');
    pending = [rest.at(-1) ?? ''];
    yield lines;
  }
  if (pending.some((part) => part !== '')) throw new Error('the stream ended within a line');
}
