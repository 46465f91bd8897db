// RE2 patterns: the one place that says whether Envoy will take a pattern, so that a bad one is a Finding and never a refused push.

import { RE2JS } from 're2js';

/** Proxies are started with a limit of 32768 RE2 instructions; ours is lower, since re2js only estimates their number. */
export const maxRegexProgramSize = 16_384;

const maxRegexLength = 4096;

/** What is wrong with a pattern, as half a sentence; undefined when Envoy accepts it. */
export function checkRegex(pattern: string): string | undefined {
  if (pattern.length > maxRegexLength) return `it is longer than ${maxRegexLength} characters`;
  try {
    const size = RE2JS.compile(pattern).programSize();
    return size > maxRegexProgramSize
      ? `its program has ${size} instructions, more than ${maxRegexProgramSize}`
      : undefined;
  } catch (error) {
    return error instanceof Error ? error.message.replace(/^error parsing regexp: /, '') : 'it is not a pattern';
  }
}

/** True when the pattern matches the whole of `text`, as Envoy's `safe_regex` does. The pattern must have passed `checkRegex`. */
export function isRegexMatch(pattern: string, text: string): boolean {
  return RE2JS.compile(pattern).matches(text);
}
