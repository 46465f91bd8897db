// Malformed text: halves of a character pair, which cannot be encoded for Envoy; the mark that
// decoding leaves for bytes that were not UTF-8; and NUL, which no request can have. Its meaning is
// unknown, so the object is not used.

import type { FieldPath } from '../finding.ts';
import type { Problem } from './problem.ts';
import { errorAt } from './problem.ts';

function isBroken(text: string): boolean {
  return /[\p{Surrogate}\ufffd]/u.test(text) || text.includes('\0');
}

/** The first key or value of an object that is malformed text, if any. */
export function checkCharacters(value: unknown, path: FieldPath = []): readonly Problem[] {
  if (typeof value === 'string') {
    return isBroken(value)
      ? [
          errorAt(
            'InvalidValue',
            path,
            'The text has a character that is not valid.',
            'remove it, or save the file as UTF-8',
          ),
        ]
      : [];
  }
  if (typeof value !== 'object' || value === null) return [];
  for (const [key, inner] of Object.entries(value)) {
    const at: FieldPath = [...path, Array.isArray(value) ? Number(key) : key];
    const [problem] = isBroken(key) ? checkCharacters(key, path) : checkCharacters(inner, at);
    if (problem !== undefined) return [problem];
  }
  return [];
}

/** The text with the replacement mark for every half of a pair, as encoding would leave it. */
export function encodable(text: string): string {
  return text.replace(/\p{Surrogate}/gu, '\ufffd');
}
