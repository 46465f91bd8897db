// Paths in policies. A policy meets the path as the application gets it: normalized as the mesh
// configures it, or not at all, and applications differ in how they read the rest. So a rule that
// denies holds for every reading of a path: percent-encodings, slashes written twice, as `%2F`, `\`
// or `%5C`, parameters behind `;`, and a host if a path begins with `//`. A rule that allows
// compares the path as it stands. A path with dot segments, or with `%00`, is ambiguous: one reader
// sees `/public/..%2Fadmin`, another `/admin`. No value allows it, and every value denies it. A
// path that is encoded twice is another path: `%2561` is `%61` to an application, not `a`.

import type { PathNormalization } from '../../../mesh/index.ts';
import type { OperationCondition, OperationPredicate } from '../../model/authorization.ts';
import type { FieldDefinition, Problem, RuleScope, Strictness } from './field.ts';
import { encodedRegex, escapeRegex, matcherOf, parsePattern, type Pattern, quoteRegex } from './pattern.ts';
import { always } from './predicate.ts';

type TextPattern = Exclude<Pattern, { kind: 'present' }>;

const slash = '(?:[/\\\\]|%2[fF]|%5[cC])';
const parameters = '(?:;[^/?]*)?';
/** One slash to applications that merge several and drop empty segments. */
const slashes = `${slash}(?:${parameters}${slash})*`;
/** Some applications read a path as a URL, where two slashes begin a host. */
const host = '(?:[/\\\\]{2,}[^/\\\\?]*)?';
const doubtful = `[^?]*(?:%00|${slash}(?:\\.|%2[eE]){1,2}${parameters}(?:${slash}|$))`;

/** `paths` of an operation. */
export const pathField: FieldDefinition<OperationCondition> = {
  http: true,
  resolve: resolvePath,
  wildcards: true,
  doubt: { path: { regex: `${doubtful}.*` } },
};

/** `request.headers[:path]`, which is the path with its query. */
export const pathHeaderField: FieldDefinition<OperationCondition> = {
  http: true,
  resolve: resolvePathHeader,
  wildcards: true,
  doubt: { header: ':path', value: { regex: `${doubtful.replace('$', '[?]|$')}.*` } },
};

function resolvePath(value: string, { target }: RuleScope, strictness: Strictness): OperationPredicate | Problem {
  const isTemplate = /[{}]/.test(value);
  const pattern = parsePattern(value);
  if (!isTemplate && pattern.kind === 'present') return always;
  const problem = neverMatches(value, target.pathNormalization, strictness);
  if (problem !== undefined) return problem;
  if (isTemplate) return resolvePathTemplate(value, strictness);
  if (pattern.kind === 'present') return always;
  return { path: strictness === 'broad' ? { regex: broadRegex(pattern) } : strictMatcher(pattern) };
}

/** A longer text is no path of a request, and would be a large expression. */
const maxLength = 2048;

/** The reason why no request has a path like a value. */
function neverMatches(
  value: string,
  normalization: PathNormalization | undefined,
  strictness: Strictness,
): Problem | undefined {
  if (value.length > maxLength) {
    return { code: 'InvalidValue', message: `a path is longer than ${maxLength} characters` };
  }
  const text = value.replaceAll(/\{\*{1,2}\}/g, 'x').replaceAll('*', 'x');
  if (notNormalized[normalization ?? 'BASE'].test(text)) {
    return {
      code: 'InvalidValue',
      message: `"${value}" is never the path of a request, since paths are normalized before they are compared`,
      hint: 'write the path without query, fragment, needless escapes, "//", "/./" and "/../"',
    };
  }
  return normalization === undefined && strictness === 'strict' && /;|%2f|%5c/i.test(text)
    ? {
        code: 'InvalidValue',
        message: `"${value}" is never the path of a request, since ";", "%2F" and "%5C" are answered with 400 where policies read paths`,
        hint: `annotate the service with ${annotationExample}`,
      }
    : undefined;
}

/** Words for the Finding about refused paths and this file's hints. */
export const annotationExample = 'cairn.dev/path-normalization: BASE';

/**
 * Characters that a normalized path never contains; without normalization, dot segments are
 * ambiguous.
 */
const notNormalized: Readonly<Record<PathNormalization, RegExp>> = {
  NONE: pathWith(''),
  BASE: pathWith(needlessEscapes()),
  MERGE_SLASHES: pathWith(`//|${needlessEscapes()}`),
  DECODE_AND_MERGE_SLASHES: pathWith(`//|%2f|%5c|${needlessEscapes()}`),
};

function pathWith(more: string): RegExp {
  return new RegExp(`[?#]|/[.]{1,2}(?:/|$)${more === '' ? '' : `|${more}`}`, 'i');
}

/** Escapes of characters that need none; and backslashes, which become slashes. */
function needlessEscapes(): string {
  return '\\\\|%(?:2[de]|3[0-9]|4[1-9a-f]|5[0-9af]|6[1-9a-f]|7[0-9ae])';
}

/** A path of which every reading is found, for the path alone or with a query behind it. */
function broadRegex({ kind, text }: TextPattern): string {
  const isWhole = kind !== 'prefix';
  const start = kind === 'suffix' ? '.*' : host;
  if (kind === 'exact' && text === '/') return `${start}(?:${slashes})?${parameters}`;
  return `${start}${readings(text)}${isWhole ? parameters : '.*'}`;
}

/** Every reading of a text; parameters stand at the end of a segment. */
function readings(text: string): string {
  return text
    .split('/')
    .map((segment) =>
      pieces(segment)
        .map(({ text: piece, escape }) => escape ?? encodedRegex(piece))
        .join(''),
    )
    .join(`${parameters}${slashes}`);
}

/**
 * The parts of a text: escapes of slashes, which are not slashes, and the decoded text between
 * them.
 */
function pieces(segment: string): readonly { readonly text: string; readonly escape?: string }[] {
  return segment.split(/(%(?:2f|5c))/i).map((text, index) => {
    if (index % 2 === 1) return { text, escape: escapeRegex(Number.parseInt(text.slice(1), 16)) };
    return { text: decodeText(text) };
  });
}

/** Escapes that are text, decoded; others stay. */
function decodeText(text: string): string {
  return text.replaceAll(/(?:%[0-9a-f]{2})+/gi, (escapes) => {
    try {
      return decodeURIComponent(escapes);
    } catch {
      return escapes;
    }
  });
}

/** A path that is as written, escaped where that is needed. */
function strictMatcher({ kind, text }: TextPattern): ReturnType<typeof matcherOf> {
  // A parameter of the last segment may contain a suffix: `/admin;a.png`.
  const isLastSegment = kind === 'suffix' && !/[/;]/.test(text);
  if (!isLastSegment && !/%[0-9a-f]{2}|[^!-~]|["<>^`|]/iu.test(text)) return matcherOf(kind, text);
  const start = isLastSegment ? '.*/[^/;]*' : kind === 'suffix' ? '.*' : '';
  return { regex: `${start}${strictRegex(text)}${kind === 'prefix' ? '.*' : ''}` };
}

/**
 * Envoy escapes characters that need it when it normalizes, and keeps the case of an escape's
 * digits as the client wrote them.
 */
function strictRegex(text: string): string {
  return text.replaceAll(/%[0-9a-f]{2}|[^]/giu, (part) => {
    if (part.length === 3 && part.startsWith('%')) return escapeRegex(Number.parseInt(part.slice(1), 16));
    return /[!-~]/.test(part) && !/["<>^`|]/.test(part) ? quoteRegex(part) : encodedRegex(part);
  });
}

// An expression of our own instead of Envoy's uri_template: that one does not match segments with
// "[" or "]", so an added one would pass a denial.
function resolvePathTemplate(value: string, strictness: Strictness): OperationPredicate | Problem {
  const segments = value.slice(1).split('/');
  const rest = segments.indexOf('{**}');
  const valid =
    value.startsWith('/') &&
    segments.every((segment, index) =>
      /[{}*]/.test(segment) ? /^\{\*{1,2}\}$/.test(segment) && (rest < 0 || index <= rest) : true,
    );
  if (!valid) {
    return {
      code: 'InvalidValue',
      message: `"${value}" is not a path template`,
      hint: 'write /literal/{*}/{**}/literal: {*} is one segment, {**} any number of them, used once and after every {*}; no other "*"',
    };
  }
  const isBroad = strictness === 'broad';
  const parts = segments.map((segment) => {
    if (segment === '{*}') return '[^/]+';
    if (segment === '{**}') return '.*';
    return isBroad ? readings(segment) : strictRegex(segment);
  });
  const regex = isBroad
    ? `${host}${slashes}${parts.join(`${parameters}${slashes}`)}${parameters}`
    : `/${parts.join('/')}`;
  return { path: { regex } };
}

function resolvePathHeader(value: string, _scope: RuleScope, strictness: Strictness): OperationPredicate | Problem {
  const pattern = parsePattern(value);
  if (pattern.kind === 'present') return always;
  if (value.length > maxLength) {
    return { code: 'InvalidValue', message: `a path is longer than ${maxLength} characters` };
  }
  const header = ':path';
  const { kind, text } = pattern;
  if (strictness === 'strict') return { header, value: matcherOf(kind, text) };
  const [path = '', ...rest] = text.split('?');
  if (rest.length === 0) return { header, value: { regex: `${broadRegex(pattern)}(?:[?].*)?` } };
  const query = `[?]${encodedRegex(decodeText(rest.join('?')))}`;
  const start = broadRegex({ kind: kind === 'suffix' ? 'suffix' : 'exact', text: path });
  return { header, value: { regex: `${start}${query}${kind === 'prefix' ? '.*' : ''}` } };
}
