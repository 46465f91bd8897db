// Conditions on a request's token, and on what other filters say of it, as Envoy's matchers of dynamic metadata. Clients cannot write it.

import type { MessageTypes } from '../../envoy-api/index.ts';
import type { MetadataCondition } from '../model/authorization.ts';
import { renderStringMatcher } from './matchers.ts';
import { filterMetadata } from './names.ts';

type ValueMatcher = MessageTypes['envoy.type.matcher.v3.ValueMatcher'];

/** The matcher of a condition, for policies and for routes. What is absent does not match. */
export function renderMetadataMatcher({
  metadata,
  keys,
  value,
  of,
}: MetadataCondition): MessageTypes['envoy.type.matcher.v3.MetadataMatcher'] {
  const path = metadata === 'claims' ? [filterMetadata.payload, ...keys] : keys;
  return {
    filter: metadata === 'claims' ? filterMetadata.jwt : metadata,
    path: path.map((key) => ({ key })),
    value: renderValue(value, of),
  };
}

function renderValue(value: MetadataCondition['value'], of: MetadataCondition['of']): ValueMatcher {
  if (value === 'present' && of === 'anything') return { present_match: true };
  const text: ValueMatcher = { string_match: renderStringMatcher(value === 'present' ? { regex: '.+' } : value) };
  const element: ValueMatcher = { list_match: { one_of: text } };
  switch (of) {
    case 'text':
      return text;
    case 'list':
      return element;
    case 'either':
      return { or_match: { value_matchers: [text, element] } };
    case 'anything':
      return { or_match: { value_matchers: [text, element, ...renderScalars(value)] } };
  }
}

/** The number or truth value that a text stands for, by itself or in a list. */
function renderScalars(value: MetadataCondition['value']): readonly ValueMatcher[] {
  if (value === 'present' || !('exact' in value)) return [];
  const { exact } = value;
  const scalar: ValueMatcher | undefined =
    exact === 'true' || exact === 'false'
      ? { bool_match: exact === 'true' }
      : /^-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,9})?$/.test(exact)
        ? { double_match: { exact: Number(exact) } }
        : undefined;
  return scalar === undefined ? [] : [scalar, { list_match: { one_of: scalar } }];
}
