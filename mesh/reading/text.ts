// YAML 1.2 (and so JSON) to plain values, many documents to a text. One broken document does not
// stop the others, and hostile input is bounded. The place of every field can be asked for,
// although the values do not hold their places.

import { isAlias, isMap, isScalar, isSeq, parseAllDocuments } from 'yaml';
import type { Document, ParsedNode } from 'yaml';
import type { FieldPath, Position } from '../finding.ts';

/** The longest text that is read, in UTF-16 units. */
const maxTextLength = 10 * 1024 * 1024;
/** The deepest nesting that is read; real objects stay below 20. */
const maxDepth = 100;
/** Values in one text after aliases are followed. */
const maxNodes = 500_000;
/**
 * Marks in one text that may begin a value; each costs the parser about a kilobyte, read or not.
 */
const maxMarks = 500_000;

/**
 * One document of a text. Its objects have no prototype, so that no key means more than it says.
 */
export interface TextDocument {
  readonly value: unknown;
  /**
   * The place of a field, or of its enclosing value when it is not there: of its key, or of its
   * value when asked for and on the same line.
   */
  readonly locate: (path: FieldPath, part: 'key' | 'value') => Position;
  readonly text: string;
}

/** The reason why a document could not be read. */
export interface TextProblem {
  readonly message: string;
  readonly position: Position;
  readonly hint?: string;
  readonly damaged: DamagedDocument;
}

/** The recovered part of a document that could not be read. */
export interface DamagedDocument {
  readonly text: string;
  /**
   * Its possible meanings, as far as the parser came: one value, or one for each value of a
   * duplicate key.
   */
  readonly readings: readonly unknown[];
  /** Whether the readings hold everything in the text. */
  readonly isWhole: boolean;
}

/** The documents that could be read, and the faults of the others. Empty documents are left out. */
export function parseText(
  file: string,
  text: string,
): { readonly documents: readonly TextDocument[]; readonly problems: readonly TextProblem[] } {
  const tooLarge =
    text.length > maxTextLength ? 'is larger than 10 MB' : hasTooManyMarks(text) ? tooManyMarks : undefined;
  if (tooLarge !== undefined) {
    const position = { file, line: 1, column: 1 };
    const hint = 'split it into several files';
    const damaged = { text, readings: [], isWhole: false };
    return { documents: [], problems: [{ message: `The file ${tooLarge} and is not read.`, position, hint, damaged }] };
  }
  const positionOf = makePositions(file, text);
  const documents: TextDocument[] = [];
  const problems: TextProblem[] = [];
  const budget = { nodes: maxNodes };
  for (const { start, end } of splitDocuments(text)) {
    const part = text.slice(start, end);
    let last: ParsedNode | null = null;
    try {
      for (const document of parseDocuments(part)) {
        const contents = document.contents;
        last = contents;
        // Later errors of a document mostly follow from its first one.
        const [first] = [...document.errors, ...document.warnings];
        if (first !== undefined) {
          const isTooDeep = first.message.startsWith('Maximum call stack');
          const message = isTooDeep ? tooDeep : first.message.endsWith('.') ? first.message : `${first.message}.`;
          const damaged = { text: part, readings: readLoosely(contents), isWhole: document.errors.length === 0 };
          problems.push({ message, position: positionOf(start + first.pos[0]), damaged });
        }
        if (first !== undefined || contents === null) continue;
        const value = toValue(contents, budget);
        if (value === null) continue;
        documents.push({
          value,
          locate: (path, side) => positionOf(start + offsetOf(contents, path, side)),
          text: part,
        });
      }
    } catch (error) {
      if (error instanceof UnreadableError) {
        const damaged = { text: part, readings: readLoosely(last), isWhole: true };
        problems.push({ ...error.problem, position: positionOf(start + error.offset), damaged });
      } else if (error instanceof RangeError) {
        const damaged = { text: part, readings: [], isWhole: false };
        problems.push({ message: tooDeep, position: positionOf(start), damaged });
      } else throw error;
    }
  }
  return { documents, problems };
}

const tooDeep = `The document is nested more than ${maxDepth} levels deep and is not read.`;

const tooManyMarks = `has more than ${maxMarks} lines and list items`;

/**
 * Counts line ends, commas, brackets and indicators: every mark that may begin a value, in or
 * outside of a quoted text.
 */
function hasTooManyMarks(text: string): boolean {
  let marks = 0;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    const isMark = code === 0x0a || code === 0x2c || code === 0x5b || code === 0x7b;
    // A dash, a question mark or a colon counts before white space only.
    const isIndicator = (code === 0x2d || code === 0x3a || code === 0x3f) && text.charCodeAt(index + 1) <= 0x20;
    if ((isMark || isIndicator) && ++marks > maxMarks) return true;
  }
  return false;
}

/** Ends the conversion of one document; never leaves this file. */
class UnreadableError extends Error {
  readonly offset: number;
  readonly problem: { readonly message: string; readonly hint?: string };

  constructor(offset: number, message: string, hint?: string) {
    super(message);
    this.offset = offset;
    this.problem = { message, ...(hint === undefined ? {} : { hint }) };
  }
}

function parseDocuments(text: string): readonly Document.Parsed[] {
  // Duplicate keys are found below: the library compares every key with every other, which hostile
  // input can make slow.
  const options = {
    version: '1.2',
    schema: 'core',
    prettyErrors: false,
    uniqueKeys: false,
    resolveKnownTags: false,
  } as const;
  const documents = parseAllDocuments(text, options);
  return 'empty' in documents ? [] : documents;
}

/**
 * Cuts a text at its `---` lines. A document marker at the start of a line always counts, so that
 * an unclosed quote in one document cannot swallow the next. Parts with only comments and
 * directives are left out.
 */
function splitDocuments(text: string): readonly { readonly start: number; readonly end: number }[] {
  const starts = [0, ...[...text.matchAll(/\n---(?=[ \t\r\n]|$)/g)].map((match) => match.index + 1)];
  return starts
    .map((start, index) => ({ start, end: starts[index + 1] ?? text.length }))
    .filter(({ start, end }) => !/^(?:[^\S\n]*(?:[#%][^\n]*)?(?:\n|$))*$/.test(text.slice(start, end)));
}

function toValue(root: ParsedNode, budget: { nodes: number }): unknown {
  const anchors = new Map<string, { readonly value: unknown; readonly nodes: number }>();
  const convert = (node: ParsedNode | null, depth: number): unknown => {
    if (node === null) return null;
    const offset = node.range[0];
    spend(1, offset);
    if (depth > maxDepth) throw new UnreadableError(offset, tooDeep);
    if (isAlias(node)) {
      const known = anchors.get(node.source);
      if (known === undefined)
        throw new UnreadableError(offset, `No anchor \`&${node.source}\` stands before this alias.`);
      spend(known.nodes, offset);
      return known.value;
    }
    const before = budget.nodes;
    const value = convertPlain(node, depth);
    if (node.anchor !== undefined) anchors.set(node.anchor, { value, nodes: before - budget.nodes });
    return value;
  };
  const convertPlain = (node: ParsedNode, depth: number): unknown => {
    if (isSeq<ParsedNode>(node)) return node.items.map((item) => convert(item, depth + 1));
    if (!isMap<ParsedNode, ParsedNode | null>(node)) return isScalar(node) ? node.value : null;
    const object = Object.create(null) as Record<string, unknown>;
    const merged: unknown[] = [];
    for (const { key, value } of node.items) {
      const name = keyText(key);
      const offset = key.range?.[0] ?? 0;
      if (name === undefined) throw new UnreadableError(offset, 'A key must be a plain word or text.');
      if (isMergeKey(key)) {
        merged.push(...mergedMaps(convert(value, depth + 1), offset));
        continue;
      }
      if (name in object)
        throw new UnreadableError(offset, `The key \`${name}\` is given twice.`, 'remove one of them');
      object[name] = convert(value, depth + 1);
    }
    for (const fields of merged) {
      for (const [name, field] of Object.entries(fields as object)) if (!(name in object)) object[name] = field;
    }
    return object;
  };
  const mergedMaps = (value: unknown, offset: number): readonly unknown[] => {
    const maps: readonly unknown[] = Array.isArray(value) ? value : [value];
    for (const map of maps) {
      if (typeof map !== 'object' || map === null || Array.isArray(map))
        throw new UnreadableError(offset, 'Only a group of fields, or a list of them, can be merged.');
      // A merged value is there once more.
      spend(Object.keys(map).length, offset);
    }
    return maps;
  };
  const spend = (nodes: number, offset: number): void => {
    budget.nodes -= nodes;
    if (budget.nodes < 0)
      throw new UnreadableError(offset, `The file holds more than ${maxNodes} values and is not read further.`);
  };
  return convert(root, 0);
}

/** More readings of one document add nothing. */
const maxReadings = 8;
/** The values that are looked at in each. */
const maxLooseNodes = 20_000;

/**
 * The possible meanings of a document that cannot be read: each reading takes another value of a
 * duplicate key.
 */
function readLoosely(root: ParsedNode | null): readonly unknown[] {
  const readings: unknown[] = [];
  let most = 1;
  for (let turn = 0; turn < Math.min(most, maxReadings); turn += 1) {
    let budget = maxLooseNodes;
    const convert = (node: ParsedNode | null, depth: number): unknown => {
      budget -= 1;
      if (node === null || budget < 0 || depth > maxDepth) return null;
      if (isSeq<ParsedNode>(node)) return node.items.map((item) => convert(item, depth + 1));
      if (!isMap<ParsedNode, ParsedNode | null>(node)) return isScalar(node) ? node.value : null;
      const values = new Map<string, (ParsedNode | null)[]>();
      for (const { key, value } of node.items) {
        const name = keyText(key);
        if (name === undefined) continue;
        const given = values.get(name);
        if (given === undefined) values.set(name, [value]);
        else most = Math.max(most, given.push(value));
      }
      const object = Object.create(null) as Record<string, unknown>;
      for (const [name, given] of values) object[name] = convert(given[turn] ?? given.at(-1) ?? null, depth + 1);
      return object;
    };
    readings.push(convert(root, 0));
  }
  return readings;
}

/**
 * `<<` without quotes, as kubectl reads it: adds the fields of its value that are not given beside
 * it; of several values the first one counts.
 */
function isMergeKey(key: unknown): boolean {
  return isScalar(key) && key.value === '<<' && key.type === 'PLAIN';
}

function keyText(key: unknown): string | undefined {
  if (!isScalar(key)) return undefined;
  return typeof key.value === 'string' ? key.value : (key.source ?? '');
}

function offsetOf(root: ParsedNode, path: FieldPath, part: 'key' | 'value'): number {
  let node: ParsedNode | null = root;
  let offset = root.range[0];
  for (const step of path) {
    if (isMap<ParsedNode, ParsedNode | null>(node)) {
      const pairs: readonly { key: ParsedNode; value: ParsedNode | null }[] = node.items;
      const pair =
        pairs.find(({ key }) => keyText(key) === String(step)) ??
        // The place of a merged field is that of the merge.
        pairs.find(({ key }) => isMergeKey(key));
      if (pair === undefined) return offset;
      offset = pair.key.range[0];
      node = pair.value;
    } else if (isSeq<ParsedNode>(node) && typeof step === 'number') {
      const item: ParsedNode | undefined = node.items[step];
      if (item === undefined) return offset;
      offset = item.range[0];
      node = item;
    } else return offset;
  }
  const isWritten = isScalar(node) && node.range !== null && node.range !== undefined && node.range[1] > node.range[0];
  return part === 'value' && isWritten && node !== null ? node.range[0] : offset;
}

function makePositions(file: string, text: string): (offset: number) => Position {
  let lines: number[] | undefined;
  return (offset) => {
    lines ??= [0, ...[...text.matchAll(/\n/g)].map((match) => match.index + 1)];
    let low = 0;
    let high = lines.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((lines[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { file, line: low + 1, column: offset - (lines[low] ?? 0) + 1 };
  };
}
