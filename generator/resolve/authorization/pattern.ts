// The value syntax that all text fields of a policy share (`x`, `x*`, `*x`, `*`), and regular
// expressions made from it if no simpler matcher is equivalent. User text enters an expression only
// through `quoteRegex`: an unescaped dot once was an advisory.

import type { StringMatcher } from '../../model/condition.ts';

/** A value as written, parsed. `present`: anything that is not empty. */
export type Pattern =
  { readonly kind: 'exact' | 'prefix' | 'suffix'; readonly text: string } | { readonly kind: 'present' };

/** Reads `x`, `x*`, `*x` and `*`. As in Istio a star elsewhere stands for itself. */
export function parsePattern(value: string): Pattern {
  if (value === '*') return { kind: 'present' };
  if (value.startsWith('*')) return { kind: 'suffix', text: value.slice(1) };
  if (value.endsWith('*')) return { kind: 'prefix', text: value.slice(0, -1) };
  return { kind: 'exact', text: value };
}

/** Whether a value has a star that is no wildcard. Stars in braces are a path template's. */
export function hasStrayStar(value: string): boolean {
  const pattern = parsePattern(value);
  return pattern.kind !== 'present' && pattern.text.replaceAll(/\{\*+\}/g, '').includes('*');
}

/** The matcher of a pattern that names text. */
export function matcherOf(kind: 'exact' | 'prefix' | 'suffix', text: string): StringMatcher {
  if (kind === 'exact') return { exact: text };
  return kind === 'prefix' ? { prefix: text } : { suffix: text };
}

/** RE2 text that matches exactly `text`. */
export function quoteRegex(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`);
}

/**
 * RE2 text that matches `text` in every percent-encoding of its characters. Characters that are not
 * ASCII occur in a path, or in a host, only as escapes: Envoy answers others with 400.
 */
export function encodedRegex(text: string): string {
  return Array.from(text, encodedCharacter).join('');
}

function encodedCharacter(character: string): string {
  const escapes = [...new TextEncoder().encode(character)].map(escapeRegex).join('');
  return character <= '~' ? `(?:${quoteRegex(character)}|${escapes})` : escapes;
}

/** RE2 text that matches the escape of a byte, whatever the case of its digits. */
export function escapeRegex(byte: number): string {
  const digits = byte.toString(16).padStart(2, '0');
  return `%${digits.replaceAll(/[a-f]/g, (digit) => `[${digit}${digit.toUpperCase()}]`)}`;
}

// Envoy 1.40 matches bytes, and Envoy 1.39 characters, where a dot does not match bytes that are
// none: a denial would not find `admin` in `\xff,admin`. `\C` is one byte for both.

/** Matches a header line in which an element of the comma-separated list matches the pattern. */
export function listElementRegex(kind: 'exact' | 'prefix' | 'suffix', text: string): string {
  const quoted = quoteRegex(text);
  const start = kind === 'suffix' ? '\\C*' : '(?:\\C*,)?[ \\t]*';
  const end = kind === 'prefix' ? '\\C*' : '[ \\t]*(?:,\\C*)?';
  return `${start}${quoted}${end}`;
}

/**
 * Longest text in bytes that `complementRegex` takes: the expression is as deep as the text is
 * long, and RE2's limit is 1000.
 */
export const maxComplementLength = 256;

/**
 * Matches every text that the pattern does not match. RE2 has no negation, so it is spelled out
 * byte by byte: some byte differs, or there are fewer or more of them. For Envoy 1.39 a byte that
 * is no character is in no class of characters, but it ends a word: so it is found in place of a
 * letter or a digit, and hides no difference beside it.
 */
export function complementRegex(kind: 'exact' | 'prefix' | 'suffix', text: string): string {
  const bytes = [...new TextEncoder().encode(text)];
  if (kind === 'suffix') {
    return bytes.reduce((inner, byte, index) => {
      const other = isWord(byte) ? `|\\C\\${isWord(bytes[index + 1]) ? 'b' : 'B'}` : '';
      return `(?:\\C*(?:${anyBut(byte)}${other})${inner === '' ? '' : `|${inner}\\C`})?`;
    }, '');
  }
  return bytes.reduceRight(
    (inner, byte, index) => {
      const other = isWord(byte) ? `|\\${isWord(bytes[index - 1]) ? 'b' : 'B'}\\C` : '';
      return `(?:(?:${anyBut(byte)}${other})\\C*${inner === '' ? '' : `|\\C${inner}`})?`;
    },
    kind === 'exact' ? '\\C+' : '',
  );
}

function anyBut(byte: number): string {
  return `[^\\x{${byte.toString(16).padStart(2, '0')}}]`;
}

/** Whether a byte is part of a word for RE2; the ends of a text are not. */
function isWord(byte: number | undefined): boolean {
  return byte !== undefined && /\w/.test(String.fromCharCode(byte));
}
