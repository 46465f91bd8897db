// The Envoy configuration of a node proxy: a listener that captures, one that accepts, and what lies between them.

import type { EnvoyResource } from '../../../envoy-api/index.ts';
import type { NodeModel } from '../../model/node.ts';
import { renderClusters } from './clusters.ts';
import { renderCaptureListener } from './listener-capture.ts';
import { renderInboundListener } from './listener-inbound.ts';
import { renderOriginateListeners } from './listener-originate.ts';

/** Every resource of a node proxy: clusters, then listeners, each sorted by name. */
export function renderNode(model: NodeModel): readonly EnvoyResource[] {
  return [
    ...sortByName(renderClusters(model)),
    ...sortByName([
      ...renderCaptureListener(model),
      ...renderInboundListener(model),
      ...renderOriginateListeners(model),
    ]),
  ];
}

function sortByName(resources: readonly EnvoyResource[]): readonly EnvoyResource[] {
  return [...resources].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}
