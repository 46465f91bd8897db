// Hosts in policies: `hosts` of an operation, and the headers `host` and `:authority`, which are
// the same. A client writes the host as it likes: in either case, with a port or without. A rule
// that allows takes a host and a port, and nothing that could be taken for another host. A rule
// that denies takes every spelling, also as one of several hosts, behind a user name, and with a
// trailing dot.

import type { OperationCondition, OperationPredicate } from '../../model/authorization.ts';
import type { FieldDefinition, RuleScope, Strictness } from './field.ts';
import { encodedRegex, parsePattern, type Pattern, quoteRegex } from './pattern.ts';

type TextPattern = Exclude<Pattern, { kind: 'present' }>;

/** `hosts` of an operation. */
export const hostField: FieldDefinition<OperationCondition> = {
  http: true,
  resolve: resolveHostValue,
  wildcards: true,
};

const header = ':authority';

function resolveHostValue(value: string, _scope: RuleScope, strictness: Strictness): OperationPredicate {
  const pattern = parsePattern(value);
  if (pattern.kind === 'present') return { header, value: 'present' };
  const regex = strictness === 'strict' ? strictRegex(pattern) : broadRegex(pattern);
  return { header, value: { regex: `(?i)${regex}` } };
}

/** The port at the end of a pattern; an IPv6 address is in brackets. */
const endsInPort = /^(.*[^:]):([0-9]+)$/;

function strictRegex({ kind, text }: TextPattern): string {
  const name = '[^@:,/?#%\\\\[\\]]*';
  const port = '(?::[0-9]+)?';
  const quoted = quoteRegex(text);
  if (kind === 'prefix') return /[^:]:[0-9]*$/.test(text) ? `${quoted}[0-9]*` : `${quoted}${name}${port}`;
  return `${kind === 'suffix' ? name : ''}${quoted}${endsInPort.test(text) ? '' : port}`;
}

function broadRegex({ kind, text }: TextPattern): string {
  const start = kind === 'suffix' ? '.*' : '(?:.*[@,])?';
  if (kind === 'prefix') return `${start}${encodedName(text)}.*`;
  const [, name = text, port] = endsInPort.exec(text) ?? [];
  return `${start}${encodedName(name)}${trailingDot}${port === undefined ? '(?:[:,].*)?' : portRegex(port)}`;
}

/**
 * A name in every percent-encoding of its letters in either case: for `(?i)`, `%57` and `%77` are
 * different texts.
 */
function encodedName(text: string): string {
  return Array.from(text, (character) => {
    const cases = new Set([character.toLowerCase(), character.toUpperCase()]);
    return cases.size === 1 ? encodedRegex(character) : `(?:${Array.from(cases, encodedRegex).join('|')})`;
  }).join('');
}

const trailingDot = '(?:\\.|%2e)?';

/** A port with leading zeros is the same port, and the port of HTTP may be omitted. */
function portRegex(port: string): string {
  const number = port.replace(/^0+(?=[0-9])/, '');
  return `(?::0*${number})${number === '80' ? '?' : ''}(?:,.*)?`;
}
