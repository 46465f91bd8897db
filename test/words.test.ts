// The mechanical part of the rule for words. Comments are wrapped at 100 columns, and no sentence
// of a comment or a document has What, Who or Whoever as its subject. Prettier wraps the documents.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');
const columns = 100;

const folders = readdirSync(root, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && !/^(?:\..*|node_modules|dist|images|coverage)$/.test(entry.name))
  .map((entry) => entry.name);

/** Consecutive lines of prose, and the first one's number. */
interface Block {
  readonly line: number;
  readonly lines: readonly string[];
  readonly text: string;
}

/** Groups the lines for which `read` gives a text; a line without one ends a block. */
function readBlocks(source: string, read: (line: string) => string | undefined): readonly Block[] {
  const blocks: Block[] = [];
  let open: { readonly line: number; readonly lines: string[]; readonly texts: string[] } | undefined;
  const close = (): void => {
    if (open !== undefined) blocks.push({ line: open.line, lines: open.lines, text: open.texts.join(' ') });
    open = undefined;
  };
  for (const [index, line] of source.split('\n').entries()) {
    const text = read(line);
    if (text === undefined || text === '') {
      close();
      continue;
    }
    open ??= { line: index + 1, lines: [], texts: [] };
    open.lines.push(line);
    open.texts.push(text);
  }
  close();
  return blocks;
}

/** The text of a line that is a comment as a whole. */
function readComment(line: string): string | undefined {
  const [, text] = /^\s*(?:\/\/|\/\*\*?|\*(?!\/))\s?(.*?)\s*(?:\*\/)?$/.exec(line) ?? [];
  return text;
}

/**
 * Reads the prose of a document, without its code. A cell of a table, a heading and an item of a
 * list are blocks of their own.
 */
function readDocument(source: string): readonly Block[] {
  let isCode = false;
  const lines = source.split('\n').map((line) => {
    if (/^\s*```/.test(line)) isCode = !isCode;
    return isCode || /^\s*```/.test(line) ? '' : line;
  });
  const isApart = (line: string): boolean => /^(?:\||#)/.test(line);
  const prose = readBlocks(lines.map((line) => (isApart(line) ? '' : line)).join('\n'), (line) => line.trim()).map(
    (block) => ({ ...block, lines: [] }),
  );
  const cells = lines.flatMap((line, index) =>
    line.startsWith('|')
      ? line.split(/(?<!\\)\|/).map((cell) => ({ line: index + 1, lines: [], text: cell.trim() }))
      : [],
  );
  return [...prose, ...cells];
}

/** The breaches of the rule in a block, as `line: text`. */
function findBreaches({ line, lines, text }: Block): readonly string[] {
  // A line without a blank where it could be broken, such as an address, may be longer, and so may
  // an indented command and a row of a table.
  const long = lines.filter(
    (each) =>
      each.length > columns &&
      /\S\s+\S/.test(each.trim().slice(3, columns)) &&
      !/^\s*(?:\/\/|\*)(?: {2,}| \|)/.test(each),
  );
  const wrong = text
    .split(/(?<=[.!?:])\s+(?:[-*] +)?|^\s*(?:[-*]|\d+\.) +/)
    .filter((sentence) => /^[*_`]*(?:What|Who|Whoever)\b/.test(sentence) && !sentence.endsWith('?'));
  return [...long.map((each) => each.trim()), ...wrong].map((each) => `${line}: ${each}`);
}

function filesOf(folder: string): readonly string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.(?:ts|mts|mjs|md)$/.test(file) && !/(?:^|\/)(?:generated|node_modules)\//.test(file))
    .map((file) => join(folder, file));
}

const documents = readdirSync(root).filter((file) => file.endsWith('.md'));

it.each([...documents, ...folders.flatMap(filesOf)])('%s is written in plain words', (file) => {
  const source = readFileSync(join(root, file), 'utf8');
  const blocks = file.endsWith('.md') ? readDocument(source) : readBlocks(source, readComment);
  expect(blocks.flatMap(findBreaches)).toEqual([]);
});

it('sees what breaks the rule', () => {
  const long = `// ${'word '.repeat(20)}`;
  expect(
    readBlocks(`${long}\n\n// Fine. What is\n// this?\n/** Whoever asks. */`, readComment).flatMap(findBreaches),
  ).toEqual([`1: ${long.trim()}`, '3: Whoever asks.']);
  expect(
    readDocument('# What\n\n- Who asks.\n\n| what | Who it is |\n\n```\nWho\n```\n').flatMap(findBreaches),
  ).toEqual(['3: Who asks.', '5: Who it is']);
});
