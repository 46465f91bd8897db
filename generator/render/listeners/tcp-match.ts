// The conditions of a TCP route, on the CONNECT of its connection.

import type { MessageTypes } from '../../../envoy-api/index.ts';
import type { AddressBlock } from '../../model/condition.ts';
import type { TcpMatch } from '../../model/tcp-route.ts';
import { filterState } from '../names.ts';
import { renderClientNamespace } from '../routes/match.ts';

type RouteMatch = MessageTypes['envoy.config.route.v3.RouteMatch'];
type FilterStateMatcher = NonNullable<RouteMatch['filter_state']>[number];

/** The client's namespace, its own address, and the address that it dialled. */
export function renderTcpMatches({ sourceNamespace, sourceBlocks, destinationBlocks }: TcpMatch): RouteMatch {
  const conditions: readonly FilterStateMatcher[] = [
    ...(sourceNamespace === undefined ? [] : [renderClientNamespace(sourceNamespace)]),
    ...renderBlocks(filterState.originalSource, sourceBlocks),
    ...renderBlocks(filterState.originalDestination, destinationBlocks),
  ];
  return conditions.length === 0 ? {} : { filter_state: conditions };
}

function renderBlocks(key: string, blocks: readonly AddressBlock[]): readonly FilterStateMatcher[] {
  if (blocks.length === 0) return [];
  const ranges = blocks.map(({ address, prefix }) => ({ address_prefix: address, prefix_len: prefix }));
  return [{ key, address_match: { ranges } }];
}
