// RE2 patterns: the one place that says whether Envoy will take a pattern, so that a bad one is a Finding and never a refused push.

import { RE2JS } from 're2js';

/**
 * The most instructions of a pattern as re2js counts them. Proxies are started with RE2's limit at 32768, and Envoy was seen to count up
 * to eight for one of ours (`\P{L}`).
 */
const maxProgramSize = 4096;
const maxLength = 4096;

/** What is wrong with a pattern, as half a sentence; undefined when Envoy accepts it. */
export function checkRegex(pattern: string): string | undefined {
  if (pattern.length > maxLength) return `it is longer than ${maxLength} characters`;
  try {
    return RE2JS.compile(pattern).programSize() > maxProgramSize ? 'it repeats too much for a proxy' : undefined;
  } catch (error) {
    return error instanceof Error ? error.message.replace(/^error parsing regexp: /, '') : 'it is not a pattern';
  }
}
