// Text comparisons of the model as Envoy's matchers.

import type { MessageTypes } from '../../envoy-api/index.ts';
import type { StringMatcher } from '../model/condition.ts';

/** Envoy's StringMatcher, in ProtoJSON. */
export type EnvoyStringMatcher = MessageTypes['envoy.type.matcher.v3.StringMatcher'];

/** A text comparison; regular expressions match the whole text and are never case-folded. */
export function renderStringMatcher(matcher: StringMatcher, ignoreCase = false): EnvoyStringMatcher {
  if ('regex' in matcher) return { safe_regex: { regex: matcher.regex } };
  return ignoreCase ? { ...matcher, ignore_case: true } : { ...matcher };
}

/** A share in millionths. */
export function renderPerMillion(perMillion: number): MessageTypes['envoy.type.v3.FractionalPercent'] {
  return { numerator: perMillion, denominator: 'MILLION' };
}
