// The validation rules of protoc-gen-validate for single values, as Envoy applies them when a
// resource arrives.

import { Buffer } from 'node:buffer';

/**
 * The limits of one kind of value: `{ min_len: 1 }`, `{ gt: 0 }` (durations in seconds), `{ in:
 * [...] }`.
 */
export type Limits = { readonly [limit: string]: unknown };

/** The fault of a string, or undefined. */
export function checkString(value: string, limits: Limits): string | undefined {
  if (limits['ignore_empty'] === true && value === '') return undefined;
  const bytes = Buffer.byteLength(value);
  const characters = Array.from(value).length;
  return (
    checkLeast(characters, limits, 'min_len', 'characters') ??
    checkMost(characters, limits, 'max_len', 'characters') ??
    checkLeast(bytes, limits, 'min_bytes', 'bytes') ??
    checkMost(bytes, limits, 'max_bytes', 'bytes') ??
    checkText(value, limits) ??
    checkHeader(value, limits) ??
    checkMembership(value, limits)
  );
}

function checkText(value: string, limits: Limits): string | undefined {
  const { pattern, prefix, suffix } = limits;
  if (typeof pattern === 'string' && !new RegExp(pattern, 'u').test(value)) return `must match ${pattern}`;
  if (typeof prefix === 'string' && !value.startsWith(prefix)) return `must start with ${prefix}`;
  return typeof suffix === 'string' && !value.endsWith(suffix) ? `must end with ${suffix}` : undefined;
}

// Strict unless the rule says otherwise. A rule that is not strict only keeps NUL, CR and LF out of
// the header, and allows an empty text.
function checkHeader(value: string, limits: Limits): string | undefined {
  const kind = limits['well_known_regex'];
  if (kind === undefined) return undefined;
  if (limits['strict'] === false) return hasByte(value, endsHeader) ? 'must not hold NUL, CR or LF' : undefined;
  if (kind === 'HTTP_HEADER_NAME') {
    return /^:?[0-9a-zA-Z!#$%&'*+\-.^_|~`]+$/.test(value) ? undefined : 'must be the name of an HTTP header';
  }
  return hasByte(value, isControl) ? 'must be a valid HTTP header value' : undefined;
}

function hasByte(value: string, matches: (code: number) => boolean): boolean {
  return Array.from(value).some((character) => matches(character.charCodeAt(0)));
}

function endsHeader(code: number): boolean {
  return code === 0 || code === 10 || code === 13;
}

function isControl(code: number): boolean {
  return (code < 32 && code !== 9) || code === 127;
}

/**
 * The fault of a number (a duration: in seconds), or undefined. A lower limit above the upper one
 * means outside the two.
 */
export function checkNumber(value: number, limits: Limits): string | undefined {
  const [gt, gte, lt, lte] = [read(limits, 'gt'), read(limits, 'gte'), read(limits, 'lt'), read(limits, 'lte')];
  let lower: string | undefined;
  if (gt !== undefined && value <= gt) lower = `must be greater than ${gt}`;
  if (gte !== undefined && value < gte) lower = `must be at least ${gte}`;
  let upper: string | undefined;
  if (lt !== undefined && value >= lt) upper = `must be less than ${lt}`;
  if (lte !== undefined && value > lte) upper = `must be at most ${lte}`;
  const inverted = (gt ?? gte ?? -Infinity) > (lt ?? lte ?? Infinity);
  if (inverted) return lower !== undefined && upper !== undefined ? `${lower}, or ${upper}` : undefined;
  return lower ?? upper ?? checkMembership(value, limits);
}

/** The fault of the number of items of a list, or undefined. */
export function checkItems(count: number, limits: Limits): string | undefined {
  return checkLeast(count, limits, 'min_items', 'items') ?? checkMost(count, limits, 'max_items', 'items');
}

/** The fault of the number of entries of a map, or undefined. */
export function checkPairs(count: number, limits: Limits): string | undefined {
  return checkLeast(count, limits, 'min_pairs', 'entries') ?? checkMost(count, limits, 'max_pairs', 'entries');
}

/** The fault of the length of a bytes field, or undefined. */
export function checkBytes(count: number, limits: Limits): string | undefined {
  return checkLeast(count, limits, 'min_len', 'bytes') ?? checkMost(count, limits, 'max_len', 'bytes');
}

/** `const`, `in` and `not_in`, for values of any scalar type. */
export function checkMembership(value: unknown, limits: Limits): string | undefined {
  const { const: only, in: allowed, not_in: refused } = limits;
  if (only !== undefined && value !== only) return `must be ${JSON.stringify(only)}`;
  if (Array.isArray(allowed) && !allowed.includes(value)) return `must be one of ${allowed.join(', ')}`;
  return Array.isArray(refused) && refused.includes(value) ? `must not be ${refused.join(' or ')}` : undefined;
}

function checkLeast(count: number, limits: Limits, name: string, unit: string): string | undefined {
  const least = read(limits, name);
  return least !== undefined && count < least ? `must have at least ${least} ${unit}` : undefined;
}

function checkMost(count: number, limits: Limits, name: string, unit: string): string | undefined {
  const most = read(limits, name);
  return most !== undefined && count > most ? `must have at most ${most} ${unit}` : undefined;
}

function read(limits: Limits, name: string): number | undefined {
  const value = limits[name];
  return typeof value === 'number' ? value : undefined;
}
