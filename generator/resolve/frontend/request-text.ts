// Facts about the texts of requests, by the part that a condition compares: a condition on an
// impossible text never holds, and its opposite always does. Policies and routes ask here. Every
// answer is half a sentence about the value, or undefined when some request can have it.

/** A text, or the begin or the end of one. */
export interface TextPattern {
  readonly kind: 'exact' | 'prefix' | 'suffix';
  readonly text: string;
}

/** The reason why no path, without its query, is like this. */
export function findPathProblem({ kind, text }: TextPattern): string | undefined {
  if (kind !== 'suffix' && text !== '' && !text.startsWith('/') && !(kind === 'exact' && text === '*')) {
    return 'every path begins with "/"';
  }
  if (/[?#]/.test(text)) return 'paths are compared without their query and fragment';
  return undefined;
}

/**
 * The reason why no path, without its query, matches a regular expression. Only certain cases: the
 * first character, and signs that end a path.
 */
export function findPathRegexProblem(regex: string): string | undefined {
  if (regex.includes('|')) return undefined;
  if (/^\^?(?:\(\?i\))?[A-Za-z0-9_-]+(?![A-Za-z0-9_*?{-])/.test(regex)) return 'every path begins with "/"';
  return /\\\?(?![*?{])/.test(regex) ? 'paths are compared without their query and fragment' : undefined;
}

/**
 * The reason why no method is like this. Methods are case-sensitive, and all registered ones are in
 * capitals.
 */
export function findMethodProblem({ text }: TextPattern): string | undefined {
  if (!token.test(text)) return 'a method has none but the characters of a name';
  return /[a-z]/.test(text) ? 'methods are in capitals, and are compared as they stand' : undefined;
}

/** The reason why no Host is like this: a name or an address, and perhaps a port. */
export function findHostProblem({ kind, text }: TextPattern): string | undefined {
  if (text.includes('/')) return 'a Host has neither a scheme nor a path';
  if (/\s/.test(text)) return 'a Host has no blanks';
  if (kind !== 'suffix' && /^[^:[\]]+:[^0-9]/.test(text)) return 'the port of a Host is a number';
  return kind === 'exact' && /^[^[]*:[^:]*:/.test(text) ? 'an IPv6 address stands in brackets in a Host' : undefined;
}

/** The reason why no scheme is like this. */
export function findSchemeProblem(pattern: TextPattern): string | undefined {
  return ['http', 'https'].some((scheme) => isLike(scheme, pattern)) ? undefined : 'a scheme is "http" or "https"';
}

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]*$/;
const pseudoHeaders: ReadonlySet<string> = new Set([':authority', ':method', ':path', ':protocol', ':scheme']);

/** The reason why no request has a header of this name. */
export function findHeaderNameProblem(name: string): string | undefined {
  if (name.startsWith(':')) {
    return pseudoHeaders.has(name.toLowerCase()) ? undefined : 'no request has this pseudo header';
  }
  return token.test(name) ? undefined : 'a header has none but the characters of a name';
}

/** The reason why no header, of a name in lower case, has a value like this. */
export function findHeaderValueProblem(name: string, pattern: TextPattern): string | undefined {
  const { text } = pattern;
  if (/[\0\r\n]/.test(text)) return 'the value of a header has no line breaks';
  if (hasOuterBlank(pattern)) return 'the value of a header has no blanks at its ends';
  switch (name) {
    case ':authority':
    case 'host':
      return findHostProblem(pattern);
    case ':method':
      return findMethodProblem(pattern);
    case ':scheme':
      return findSchemeProblem(pattern);
    case ':path':
      return findPathProblem({ ...pattern, text: text.replace(/\?.*/s, '') });
    default:
      return undefined;
  }
}

/**
 * The reason why no query has a parameter with this in its name or value: both are compared as they
 * were sent, escapes and all.
 */
export function findQueryProblem(part: 'name' | 'value', text: string): string | undefined {
  const separators = part === 'name' ? /[&=#]/ : /[&#]/;
  if (/\s/.test(text)) return `the ${part} of a parameter is compared as it was sent, and is sent without blanks`;
  return separators.test(text) ? `"&", "#" and, in a name, "=" end the ${part} of a parameter` : undefined;
}

/** Whether a pattern has a blank at the begin or the end of the text that it is compared with. */
export function hasOuterBlank({ kind, text }: TextPattern): boolean {
  return (kind !== 'suffix' && /^\s/.test(text)) || (kind !== 'prefix' && /\s$/.test(text));
}

/** Whether a text that is compared as it stands was likely meant as a regular expression. */
export function looksLikeRegex(text: string): boolean {
  return /\/\.[*+]|\.\*.|\[\^|\[[^\]]*-[^\]]*\]|\([^)]*\||\\[dwsDWSb.]|^\^|\$$/.test(text);
}

/** Whether a text matches a pattern. */
export function isLike(text: string, { kind, text: part }: TextPattern): boolean {
  if (kind === 'exact') return text === part;
  return kind === 'prefix' ? text.startsWith(part) : text.endsWith(part);
}
