// A second opinion on paths and hosts in policies, for the evaluators. It works on the possible
// readings of a request, one list after the other, where the generator writes expressions.

import { wildcardMatches } from './authorization-patterns.ts';

/** The path normalization of a mesh, a Gateway or a service; absent: none is configured. */
export type WrittenNormalization = 'NONE' | 'BASE' | 'MERGE_SLASHES' | 'DECODE_AND_MERGE_SLASHES' | undefined;

/**
 * The path that policies read and the application gets, without its query; undefined when it is
 * answered with 400.
 */
export function normalizePath(sent: string, normalization?: WrittenNormalization): string | undefined {
  const [withoutQuery = ''] = sent.split('?');
  if (sent.includes('#')) return undefined;
  if (normalization === 'NONE') return withoutQuery;
  if (withoutQuery.includes('%00')) return undefined;
  const isDecoding = normalization === 'DECODE_AND_MERGE_SLASHES';
  const unescaped = isDecoding ? withoutQuery.replace(/%2f/gi, '/').replace(/%5c/gi, '\\') : withoutQuery;
  const decoded = unescaped.replaceAll('\\', '/').replace(/%([0-9a-f]{2})/gi, (escaped, digits: string) => {
    const character = String.fromCharCode(Number.parseInt(digits, 16));
    return /[A-Za-z0-9\-._~]/.test(character) ? character : escaped;
  });
  const kept: string[] = [];
  const segments = decoded.split('/').slice(1);
  for (const [index, segment] of segments.entries()) {
    const isLast = index === segments.length - 1;
    if (segment === '..') kept.pop();
    else if (segment !== '.') kept.push(segment);
    if (isLast && (segment === '.' || segment === '..')) kept.push('');
  }
  const path = `/${kept.join('/')}`;
  return isDecoding || normalization === 'MERGE_SLASHES' ? path.replace(/\/+/g, '/') : path;
}

/**
 * Whether a path is answered with 400 if policies read paths and their normalization is not
 * configured.
 */
export function isAmbiguous(path: string): boolean {
  return /;|%2f|%5c/i.test(path);
}

/**
 * Whether one of the values matches a path. If a match closes something, every reading of the path
 * counts, and a path that climbs in one of them matches every value. If it opens something, the
 * path counts as it stands, and one that climbs matches none.
 */
export function pathMatches(values: readonly string[], path: string, isClosing: boolean): boolean {
  if (values.includes('*')) return true;
  const matches = (value: string, text: string): boolean =>
    value.includes('{') ? templateMatches(value, text) : wildcardMatches(value, text);
  const readings = readingsOf(path);
  const climbs = path.includes('%00') || readings.some((reading) => /(?:^|\/)\.{1,2}(?:\/|$)/.test(reading));
  if (isClosing) return climbs || values.some((value) => readings.some((reading) => matches(value, reading)));
  return !climbs && values.some((value) => matches(value, path) && !isInParameter(value, path));
}

/**
 * The readings of a path: decoded, with slashes merged; and each with and without parameters, a
 * host, or encoded slashes.
 */
function readingsOf(path: string): readonly string[] {
  const either =
    (change: (text: string) => string) =>
    (text: string): readonly string[] => [text, change(text)];
  return [path]
    .flatMap(either((text) => text.replace(/^[/\\]{2,}[^/\\]*/, '')))
    .flatMap(either((text) => text.replace(/%2f|%5c/gi, '/')))
    .flatMap(either((text) => text.replace(/;[^/]*/g, '')))
    .map((text) =>
      text
        .replaceAll('\\', '/')
        .replace(/%([0-9a-f]{2})/gi, decodeOne)
        .replace(/\/+/g, '/'),
    )
    .map((text) => (text.startsWith('/') ? text : `/${text}`));
}

/** Encoded slashes that are not taken for slashes are no end of a segment. */
function decodeOne(escape: string, digits: string): string {
  return /2f|5c/i.test(digits) ? escape : String.fromCharCode(Number.parseInt(digits, 16));
}

/** Whether a suffix is in a parameter of the last segment. */
function isInParameter(value: string, path: string): boolean {
  return value.startsWith('*') && !/[/;]/.test(value) && (path.split('/').pop() ?? '').includes(';');
}

/**
 * `{*}` is one segment with something in it, `{**}` whatever stands between the slashes beside it,
 * slashes too.
 */
function templateMatches(template: string, path: string): boolean {
  const match = (pattern: readonly string[], segments: readonly string[]): boolean => {
    const [head, ...rest] = pattern;
    if (head === undefined) return segments.length === 0;
    if (head === '{**}') return segments.some((_, index) => match(rest, segments.slice(index + 1)));
    const [segment, ...others] = segments;
    if (segment === undefined) return false;
    return (head === '{*}' ? segment !== '' : head === segment) && match(rest, others);
  };
  return match(template.split('/').slice(1), path.split('/').slice(1));
}

/**
 * Whether a policy's host is the host of a request; without a port it is the host on whatever port.
 * Where a match opens something the request must name one host and nothing else.
 */
export function hostMatches(pattern: string, asked: string, isClosing: boolean): boolean {
  if (pattern === '*') return asked !== '';
  const value = pattern.toLowerCase();
  const host = asked.toLowerCase();
  const names = isClosing ? namesIn(host) : /^[^@:,%]*(?::\d+)?$/.test(host) ? [host, withoutPort(host)] : [];
  return names.some((name) => wildcardMatches(value, name));
}

function withoutPort(host: string): string {
  return host.replace(/:\d+$/, '');
}

/** Everything that some reader may take for the host of `user@name.:port,other`. */
function namesIn(host: string): readonly string[] {
  const starts = Array.from(host).flatMap((character, index) => ('@,'.includes(character) ? [index + 1] : []));
  const ends = Array.from(host).flatMap((character, index) => (':,'.includes(character) ? [index] : []));
  return [0, ...starts].flatMap((start) =>
    [...ends, host.length].flatMap((end) => {
      const text = host
        .slice(start, end)
        .replace(/%([0-9a-f]{2})/g, decodeOne)
        .toLowerCase();
      return end < start ? [] : [text, text.replace(/\.$/, ''), text.replace(/:0*(\d+)$/, ':$1')];
    }),
  );
}
