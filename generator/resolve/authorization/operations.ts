// What is asked for: the fields of an operation. Hosts ignore case, a port in the request and, when denying, a trailing dot; paths
// are compared as Envoy normalizes them; ports are decided here, since each frontend is one port.

import type { Predicate } from '../../model/authorization.ts';
import type { FieldDefinition, Problem, RuleScope, Strictness } from './field.ts';
import { matcherOf, parsePattern, quoteRegex } from './pattern.ts';
import { always, any, never } from './predicate.ts';

/** `ports` and `destination.port`. */
export const portField: FieldDefinition = { resolve: resolvePort };

/** The fields of `to[].operation`, without their not-forms. */
export const operationFields: Readonly<Record<string, FieldDefinition>> = {
  hosts: { http: true, resolve: resolveHostValue, wildcards: true },
  methods: { http: true, resolve: resolveMethod, wildcards: true },
  paths: { http: true, resolve: resolvePath, wildcards: true },
  ports: portField,
};

function resolvePort(value: string, { target }: RuleScope): Predicate | Problem {
  const port = /^[0-9]{1,5}$/.test(value) ? Number(value) : 0;
  if (port < 1 || port > 65_535) return { code: 'InvalidValue', message: `"${value}" is not a port` };
  if (target.port === 'any') return { destinationPort: port };
  return port === target.port ? always : never;
}

function resolveHostValue(value: string, _scope: RuleScope, strictness: Strictness): Predicate {
  const header = ':authority';
  const pattern = parsePattern(value);
  if (pattern.kind === 'present') return { header, value: 'present' };
  const { kind, text } = pattern;
  const withPort = kind === 'prefix' || /[^:]:[0-9]+$/.test(text);
  if (strictness === 'strict' && (kind !== 'suffix' || withPort)) {
    const same: Predicate = { header, value: matcherOf(kind, text), ignoreCase: true };
    return withPort ? same : any([same, { header, value: { prefix: `${text}:` }, ignoreCase: true }]);
  }
  // What a denial names must not be reachable by another spelling of the same host.
  const start = kind === 'suffix' ? '.*' : strictness === 'broad' ? '(?:.*@)?' : '';
  const port = strictness === 'broad' ? '\\.?(?::.*)?' : '(?::[0-9]+)?';
  const end = kind === 'prefix' ? '.*' : withPort ? '' : port;
  return { header, value: { regex: `(?i)${start}${quoteRegex(text)}${end}` } };
}

function resolveMethod(value: string): Predicate {
  const pattern = parsePattern(value);
  return { header: ':method', value: pattern.kind === 'present' ? 'present' : matcherOf(pattern.kind, pattern.text) };
}

/**
 * What a normalized path never contains, so that a policy with it would never match: a query, a fragment, backslashes, empty and dot
 * segments, escaped slashes, and escapes of characters that need none.
 */
const notNormalized = /[?#\\]|\/\/|\/\.{1,2}(?:\/|$)|%(?:2f|5c|2[de]|3[0-9]|4[1-9a-f]|5[0-9af]|6[1-9a-f]|7[0-9ae])/i;

function resolvePath(value: string): Predicate | Problem {
  const isTemplate = /[{}]/.test(value);
  const pattern = parsePattern(value);
  if (!isTemplate && pattern.kind === 'present') return { path: { prefix: '/' } };
  if (notNormalized.test(value.replaceAll(/\{\*{1,2}\}/g, 'x').replaceAll('*', 'x'))) {
    return {
      code: 'InvalidValue',
      message: `"${value}" is never the path of a request, since paths are normalized before they are compared`,
      hint: 'write the path without query, fragment, needless escapes, "//", "/./" and "/../"',
    };
  }
  if (isTemplate) return resolvePathTemplate(value);
  if (pattern.kind === 'present') return { path: { prefix: '/' } };
  // Envoy merges slashes, but leaves two of a path that is nothing else.
  if (pattern.kind === 'exact' && pattern.text === '/')
    return any([{ path: { exact: '/' } }, { path: { exact: '//' } }]);
  const text = escapePath(pattern.text);
  if (!/%[0-9a-f]{2}/i.test(text)) return { path: matcherOf(pattern.kind, text) };
  const start = pattern.kind === 'suffix' ? '.*' : '';
  return { path: { regex: `${start}${quotePath(text)}${pattern.kind === 'prefix' ? '.*' : ''}` } };
}

// An expression of our own instead of Envoy's uri_template: that one does not match segments with "[" or "]", and a denial could be
// passed by adding one.
function resolvePathTemplate(value: string): Predicate | Problem {
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
      hint: 'write /literal/{*}/literal/{**}: {*} is one segment, {**} any number of them, used once and last; no other "*"',
    };
  }
  const parts = segments.map((segment) => {
    if (segment === '{*}') return '[^/]+';
    return segment === '{**}' ? '.*' : quotePath(escapePath(segment));
  });
  return { path: { regex: `/${parts.join('/')}` } };
}

/** A path as normalization leaves it: what must be escaped is. */
function escapePath(text: string): string {
  return text.replaceAll(/[^!-~]|["<>^`|]/gu, (character) =>
    [...new TextEncoder().encode(character)]
      .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`)
      .join(''),
  );
}

/** Normalization keeps the case of an escape's digits as the client wrote them. */
function quotePath(text: string): string {
  return quoteRegex(text).replaceAll(/%[0-9a-f]{2}/gi, '(?i:$&)');
}
