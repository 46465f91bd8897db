// Dispatch by address to a filter chain. A connection that no branch matches is closed.

import { type MessageTypes, typed } from '../../../envoy-api/index.ts';

type Matcher = MessageTypes['xds.type.matcher.v3.Matcher'];

type OnMatch = MessageTypes['xds.type.matcher.v3.Matcher.OnMatch'];

const inputs = 'envoy.extensions.matching.common_inputs.network.v3';

/** Chooses by one address of the connection; keys are IPv4 or IPv6 text. */
export function renderAddressMatcher(
  input: 'SourceIPInput' | 'DestinationIPInput',
  branches: ReadonlyMap<string, OnMatch>,
): Matcher {
  return {
    matcher_tree: {
      input: { name: input, typed_config: typed(`${inputs}.${input}`, {}) },
      custom_match: {
        name: 'ip',
        typed_config: typed('xds.type.matcher.v3.IPMatcher', {
          range_matchers: [...branches]
            .sort(([a], [b]) => (a < b ? -1 : 1))
            .map(([address, onMatch]) => ({
              ranges: [{ address_prefix: address, prefix_len: address.includes(':') ? 128 : 32 }],
              on_match: onMatch,
            })),
        }),
      },
    },
  };
}

/** A filter chain by name. */
export function renderChainAction(chain: string): OnMatch {
  return { action: { name: 'chain', typed_config: typed('google.protobuf.StringValue', { value: chain }) } };
}
