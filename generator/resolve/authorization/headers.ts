// Request headers in conditions. A header can be sent in several lines, and a line can be a list.
// Applications differ in which of the values they take: the first, the last, all of them joined.
// Envoy 1.40 compares line by line, and one match is enough (before CVE-2026-26308 was fixed it
// compared the lines joined by commas, so that an added line passed a denial). So if matching opens
// something, every line must be the value as a whole; if matching closes something, one element of
// one line is enough.

import type { OperationCondition, OperationPredicate } from '../../model/authorization.ts';
import type { FieldDefinition, Problem, RuleScope, Strictness } from './field.ts';
import { complementRegex, listElementRegex, matcherOf, maxComplementLength, parsePattern } from './pattern.ts';
import type { Pattern } from './pattern.ts';
import { all, not } from './predicate.ts';

/** The field `request.headers[<name>]`; the name in lower case. */
export function headerField(header: string): FieldDefinition<OperationCondition> {
  return {
    http: true,
    resolve: (value: string, _scope: RuleScope, strictness: Strictness): OperationPredicate | Problem => {
      const pattern = parsePattern(value);
      if (pattern.kind === 'present') return { header, value: 'present' };
      return strictness === 'broad' ? resolveBroad(header, pattern) : resolveStrict(header, value, pattern);
    },
  };
}

type TextPattern = Exclude<Pattern, { kind: 'present' }>;

function resolveStrict(header: string, value: string, { kind, text }: TextPattern): OperationPredicate | Problem {
  if (text.length > maxComplementLength) {
    return { code: 'InvalidValue', message: `"${value}" is longer than ${maxComplementLength} characters` };
  }
  return all([
    { header, value: matcherOf(kind, text) },
    not({ header, value: { regex: complementRegex(kind, text) } }),
  ]);
}

// A value with commas may also arrive as several lines, so each of its elements counts on its own.
function resolveBroad(header: string, { kind, text }: TextPattern): OperationPredicate {
  const elements = text.split(',').map((element) => element.trim());
  const conditions = elements.flatMap((element, index): OperationPredicate[] => {
    if (element === '') return [];
    const isOpen = kind === 'suffix' ? index === 0 : kind === 'prefix' && index === elements.length - 1;
    return [{ header, value: { regex: listElementRegex(isOpen ? kind : 'exact', element) } }];
  });
  return conditions.length === 0 ? { header, value: 'present' } : all(conditions);
}
