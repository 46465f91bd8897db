// Conditions on a request's token, and on the metadata of other filters about it, as Envoy's
// matchers of dynamic metadata.

import type { MessageTypes } from '../../envoy-api/index.ts';
import type { MetadataCondition, MetadataMatch, ScalarMatch } from '../model/condition.ts';
import { renderStringMatcher } from './matchers.ts';
import { filterMetadata } from './names.ts';

type ValueMatcher = MessageTypes['envoy.type.matcher.v3.ValueMatcher'];

/** The matcher of a condition, for policies and for routes. */
export function renderMetadataMatcher({
  metadata,
  keys,
  anyOf,
}: MetadataCondition): MessageTypes['envoy.type.matcher.v3.MetadataMatcher'] {
  const path = metadata === 'claims' ? [filterMetadata.payload, ...keys] : keys;
  const matchers = anyOf.map(renderMatch);
  const [only] = matchers;
  return {
    filter: metadata === 'claims' ? filterMetadata.jwt : metadata,
    path: path.map((key) => ({ key })),
    value: only !== undefined && matchers.length === 1 ? only : { or_match: { value_matchers: matchers } },
  };
}

function renderMatch(match: MetadataMatch): ValueMatcher {
  if (match === 'present') return { present_match: true };
  return 'element' in match ? { list_match: { one_of: renderScalar(match.element) } } : renderScalar(match);
}

function renderScalar(match: ScalarMatch): ValueMatcher {
  if ('text' in match) return { string_match: renderStringMatcher(match.text) };
  return 'number' in match ? { double_match: { exact: match.number } } : { bool_match: match.boolean };
}
