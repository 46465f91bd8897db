// The filter chain of a TCP connection: by the conditions of the port's routes, the first that
// hold.

import { namespacePrefix } from '../../../mesh/index.ts';
import { type MessageTypes, typed } from '../../../envoy-api/index.ts';
import type { AddressBlock } from '../../model/condition.ts';
import type { TcpMatch } from '../../model/tcp-route.ts';
import { filterState } from '../names.ts';

type OnMatch = MessageTypes['xds.type.matcher.v3.Matcher.OnMatch'];
type Predicate = MessageTypes['xds.type.matcher.v3.Matcher.MatcherList.Predicate'];
type SinglePredicate = MessageTypes['xds.type.matcher.v3.Matcher.MatcherList.Predicate.SinglePredicate'];

/** A chain with the conditions under which it is taken. */
interface Branch {
  readonly matches: readonly TcpMatch[];
  readonly onMatch: OnMatch;
}

/** The first branch whose conditions hold; `otherwise` when none do. */
export function renderTcpDispatch(branches: readonly Branch[], otherwise: OnMatch): OnMatch {
  if (branches.length === 0) return otherwise;
  return {
    matcher: {
      matcher_list: {
        matchers: branches.map(({ matches, onMatch }) => ({
          predicate: combine(
            matches.map((match) => combine(renderMatch(match), 'and_matcher')),
            'or_matcher',
          ),
          on_match: onMatch,
        })),
      },
      on_no_match: otherwise,
    },
  };
}

/** Envoy refuses lists of fewer than two. */
function combine(parts: readonly Predicate[], operator: 'and_matcher' | 'or_matcher'): Predicate {
  const [only] = parts;
  return only !== undefined && parts.length === 1 ? only : { [operator]: { predicate: parts } };
}

function renderMatch(match: TcpMatch): readonly Predicate[] {
  const { sourceNamespace, sourceBlocks, destinationBlocks } = match;
  return [
    ...(sourceNamespace === undefined
      ? []
      : [
          combine(
            sourceNamespace.trustDomains.map((trustDomain) => renderNamespace(trustDomain, sourceNamespace.name)),
            'or_matcher',
          ),
        ]),
    ...(sourceBlocks.length === 0 ? [] : [renderBlocks('SourceIPInput', sourceBlocks)]),
    ...(destinationBlocks.length === 0 ? [] : [renderBlocks('DestinationIPInput', destinationBlocks)]),
  ];
}

/** Clients of one namespace, by the identity that their certificate proved. */
function renderNamespace(trustDomain: string, namespace: string): Predicate {
  return {
    single_predicate: {
      input: {
        name: 'identity',
        typed_config: typed('envoy.extensions.matching.common_inputs.network.v3.FilterStateInput', {
          key: filterState.identity,
        }),
      },
      value_match: { prefix: namespacePrefix(trustDomain, namespace) },
    },
  };
}

/** The restored addresses: the client's own, and the one that it dialled. */
function renderBlocks(
  input: 'SourceIPInput' | 'DestinationIPInput',
  blocks: readonly AddressBlock[],
): { readonly single_predicate: SinglePredicate } {
  return {
    single_predicate: {
      input: { name: input, typed_config: typed(`envoy.extensions.matching.common_inputs.network.v3.${input}`, {}) },
      custom_match: {
        name: 'ip',
        typed_config: typed('envoy.extensions.matching.input_matchers.ip.v3.Ip', {
          cidr_ranges: blocks.map(({ address, prefix }) => ({ address_prefix: address, prefix_len: prefix })),
          stat_prefix: 'tcp_route',
        }),
      },
    },
  };
}
