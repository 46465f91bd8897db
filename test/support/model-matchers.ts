// Comparisons of the generator's model, as its comments describe them.

import { RE2JS } from 're2js';
import type {
  AddressBlock,
  ClaimMatch,
  ClientPredicate,
  Combined,
  HeaderMatch,
  HttpMatch,
  MetadataCondition,
  OperationPredicate,
  ScalarMatch,
  StringMatcher,
} from '../../generator/index.ts';
import { type Headers, headerValues, queryValue } from './routing-terms.ts';

/** A request as matches and policies see it. Texts are bytes, a character for each. */
export interface ReadRequest {
  /** `spiffe://…` */
  readonly identity: string;
  readonly sourceAddress: string;
  readonly port: number;
  readonly method: string;
  /** Normalized, without the query. */
  readonly path: string;
  /** With its question mark; empty when there is none. */
  readonly query: string;
  readonly host: string;
  readonly headers: Headers;
  /** Of the valid token, as soon as it is verified. */
  readonly claims: Readonly<Record<string, unknown>> | undefined;
}

/** Whether a text matches. */
export function textMatches(matcher: StringMatcher, text: string, ignoreCase = false): boolean {
  if ('regex' in matcher) return wholeMatches(matcher.regex, text);
  const fold = (each: string): string => (ignoreCase ? each.toLowerCase() : each);
  const given = fold(text);
  if ('exact' in matcher) return given === fold(bytesOf(matcher.exact));
  if ('prefix' in matcher) return given.startsWith(fold(bytesOf(matcher.prefix)));
  return 'suffix' in matcher
    ? given.endsWith(fold(bytesOf(matcher.suffix)))
    : given.includes(fold(bytesOf(matcher.contains)));
}

const compiled = new Map<string, RE2JS>();

/** re2js has no `\C`: a byte, which is any character here. */
function wholeMatches(regex: string, text: string): boolean {
  const known = compiled.get(regex) ?? RE2JS.compile(bytesOf(regex).replaceAll('\\C', '(?s:.)'));
  compiled.set(regex, known);
  return known.matches(text);
}

function bytesOf(text: string): string {
  return Buffer.from(text).toString('latin1');
}

/** Whether a route takes a request. */
export function matchHolds(match: HttpMatch, request: ReadRequest): boolean {
  const { path, ignorePathCase = false, headers, query, claims = [], sourceNamespace } = match;
  return (
    (path === undefined || pathMatches(path, request.path, ignorePathCase)) &&
    headers.every((each) => headerMatches(each, request)) &&
    query.every(({ name, value }) => {
      const found = queryValue(request.query, name);
      return found !== undefined && (value === 'present' || textMatches(value, found));
    }) &&
    claims.every((each) => claimMatches(each, request)) &&
    (sourceNamespace === undefined ||
      sourceNamespace.trustDomains.some((domain) =>
        request.identity.startsWith(`spiffe://${domain}/ns/${sourceNamespace.name}/`),
      ))
  );
}

function pathMatches(matcher: NonNullable<HttpMatch['path']>, path: string, ignoreCase: boolean): boolean {
  if (!('pathPrefix' in matcher)) return textMatches(matcher, path, ignoreCase);
  const { pathPrefix } = matcher;
  return path === pathPrefix || path.startsWith(`${pathPrefix}/`);
}

function headerMatches({ name, value, invert, absentIsEmpty }: HeaderMatch, request: ReadRequest): boolean {
  const lines = linesOf(name, request);
  const compared = lines.length === 0 && absentIsEmpty === true ? [''] : lines;
  const holds = compared.some((line) => value === 'present' || textMatches(value, line));
  return invert === true ? !holds : holds;
}

function claimMatches({ condition, invert }: ClaimMatch, request: ReadRequest): boolean {
  const holds = metadataHolds(condition, request);
  return invert === true ? !holds : holds;
}

function linesOf(name: string, { method, path, query, host, headers }: ReadRequest): readonly string[] {
  switch (name) {
    case ':method':
      return [method];
    case ':scheme':
      return ['http'];
    case ':authority':
      return [host];
    case ':path':
      return [path + query];
    default:
      return headerValues(headers, name);
  }
}

/** Whether the operation matches a policy. */
export function operationHolds(predicate: OperationPredicate, request: ReadRequest): boolean {
  return combinedHolds(predicate, (condition) => {
    if ('destinationPort' in condition) return condition.destinationPort === request.port;
    if ('path' in condition) return textMatches(condition.path, request.path);
    const { header, value, ignoreCase } = condition;
    return linesOf(header, request).some((line) => value === 'present' || textMatches(value, line, ignoreCase));
  });
}

/** Whether the client matches a policy. */
export function clientHolds(predicate: ClientPredicate, request: ReadRequest): boolean {
  return combinedHolds(predicate, (condition) => {
    if ('identity' in condition) return textMatches(condition.identity, request.identity);
    return 'sourceAddress' in condition
      ? isInBlock(condition.sourceAddress, request.sourceAddress)
      : metadataHolds(condition, request);
  });
}

function combinedHolds<C extends object>(predicate: Combined<C>, holds: (condition: C) => boolean): boolean {
  if ('all' in predicate) return predicate.all.every((part) => combinedHolds(part, holds));
  if ('any' in predicate) return predicate.any.some((part) => combinedHolds(part, holds));
  return 'not' in predicate ? !combinedHolds(predicate.not, holds) : holds(predicate);
}

function metadataHolds({ metadata, keys, anyOf }: MetadataCondition, { claims }: ReadRequest): boolean {
  let value: unknown = metadata === 'claims' ? claims : undefined;
  for (const key of keys) value = isObject(value) ? value[key] : undefined;
  if (value === undefined) return false;
  return anyOf.some((match) => {
    if (match === 'present') return true;
    if ('element' in match) return Array.isArray(value) && value.some((each) => scalarMatches(match.element, each));
    return scalarMatches(match, value);
  });
}

function scalarMatches(match: ScalarMatch, value: unknown): boolean {
  if ('text' in match) return typeof value === 'string' && textMatches(match.text, value);
  return value === ('number' in match ? match.number : match.boolean);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether an IPv4 address is in a block. */
export function isInBlock({ address, prefix }: AddressBlock, text: string): boolean {
  const toNumber = (each: string): number => each.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
  const size = 2 ** (32 - prefix);
  return Math.floor(toNumber(address) / size) === Math.floor(toNumber(text) / size);
}
