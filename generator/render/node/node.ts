// The Envoy configuration of a node proxy: listeners that capture, listeners that accept, and the
// clusters between them.

import type { EnvoyResource } from '../../../envoy-api/index.ts';
import type { NodeModel } from '../../model/node.ts';
import { renderTunnelEndTimer } from '../tunnel-end.ts';
import { renderClusters } from './clusters.ts';
import { renderCaptureListeners } from './listener-capture.ts';
import { renderInboundListeners, renderInboundRoutes } from './listener-inbound.ts';
import { renderOriginateListeners } from './listener-originate.ts';

/**
 * Every resource of a node proxy: clusters, listeners, then route configurations, each sorted by
 * name.
 */
export function renderNode(model: NodeModel): readonly EnvoyResource[] {
  const timer = renderTunnelEndTimer();
  return [
    ...sortByName([...renderClusters(model), timer.cluster]),
    ...sortByName([
      timer.listener,
      ...renderCaptureListeners(model),
      ...renderInboundListeners(model),
      ...renderOriginateListeners(model),
    ]),
    ...sortByName(renderInboundRoutes(model)),
  ];
}

function sortByName(resources: readonly EnvoyResource[]): readonly EnvoyResource[] {
  return [...resources].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}
