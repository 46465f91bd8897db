// Operations: the fields of `to[].operation`. Ports are decided here, since each frontend is one
// port.

import type { OperationCondition, OperationPredicate } from '../../model/authorization.ts';
import type { FieldDefinition, Problem, RuleScope, Strictness } from './field.ts';
import { hostField } from './hosts.ts';
import { pathField } from './paths.ts';
import { matcherOf, parsePattern } from './pattern.ts';
import { always, never } from './predicate.ts';

/** `ports` and `destination.port`. */
export const portField: FieldDefinition<OperationCondition> = { resolve: resolvePort };

/** `methods`. */
export const methodField: FieldDefinition<OperationCondition> = { http: true, resolve: resolveMethod, wildcards: true };

/** The fields of `to[].operation`, without their not-forms. */
export const operationFields: Readonly<Record<string, FieldDefinition<OperationCondition>>> = {
  hosts: hostField,
  methods: methodField,
  paths: pathField,
  ports: portField,
};

function resolvePort(value: string, { target }: RuleScope): OperationPredicate | Problem {
  const port = /^[0-9]{1,5}$/.test(value) ? Number(value) : 0;
  if (port < 1 || port > 65_535) return { code: 'InvalidValue', message: `"${value}" is not a port` };
  if (target.port === 'any') return { destinationPort: port };
  return port === target.port ? always : never;
}

// Some applications read a method in either case, so a rule that denies it does too. A method in
// small letters is none of HTTP's, and is compared as it stands.
function resolveMethod(value: string, _scope: RuleScope, strictness: Strictness): OperationPredicate {
  const header = ':method';
  const pattern = parsePattern(value);
  if (pattern.kind === 'present') return { header, value: 'present' };
  const { kind, text } = pattern;
  const ignoresCase = strictness === 'broad' && text === text.toUpperCase();
  return { header, value: matcherOf(kind, text), ...(ignoresCase ? { ignoreCase: true } : {}) };
}
