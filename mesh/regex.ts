// RE2 patterns: the one place that decides whether Envoy will take a pattern, so that a bad one is
// a Finding and never a refused push.

import { createRequire } from 'node:module';
import type * as re2js from 're2js';

const require = createRequire(import.meta.url);
/**
 * Loaded with the first pattern: most configurations have none, and a short command should not pay
 * for it.
 */
let library: typeof re2js | undefined;

function loadLibrary(): typeof re2js {
  library ??= require('re2js') as typeof re2js;
  return library;
}

/**
 * The most instructions of a pattern as re2js counts them. Proxies are started with RE2's limit at
 * 32768, and Envoy was seen to count up to eight for one of ours (`\P{L}`).
 */
const maxProgramSize = 4096;
const maxLength = 4096;

/** The fault of a pattern, as half a sentence; undefined when Envoy accepts it. */
export function checkRegex(pattern: string): string | undefined {
  if (pattern.length > maxLength) return `it is longer than ${maxLength} characters`;
  for (const [escape, code] of pattern.matchAll(/\\(?:x\{([\da-f]+)\}|.)/gis)) {
    if (code !== undefined && parseInt(code, 16) > 0xff) return `proxies match bytes, and ${escape} is more than one`;
  }
  return checkProgram(pattern) ?? checkProgram(readAsBytes(pattern));
}

/**
 * As Envoy reads a pattern: each byte of its UTF-8 as a character, so that `[é-z]` is a range that
 * runs backwards.
 */
function readAsBytes(pattern: string): string {
  return Array.from(new TextEncoder().encode(pattern), (byte) => String.fromCharCode(byte)).join('');
}

function checkProgram(pattern: string): string | undefined {
  // Without its library no pattern can be judged: that is thrown, and is a fault of Cairn, not of
  // the user.
  const { RE2JS, RE2JSSyntaxException } = loadLibrary();
  try {
    return RE2JS.compile(pattern).programSize() > maxProgramSize ? 'it repeats too much for a proxy' : undefined;
  } catch (error) {
    if (error instanceof RE2JSSyntaxException) return error.message.replace(/^error parsing regexp: /, '');
    // One pattern must not end the control plane, and its author learns that it may be right.
    return `so Cairn takes it to be, because its own check failed, which is a fault of Cairn (${String(error)})`;
  }
}
