// `originate|<client>`: internal listeners behind the choice of an endpoint. The endpoint's address
// is the connection's destination here, so that the tunnel goes to the right workload and expects
// exactly its identity.

import { type EnvoyResource, typeUrls } from '../../../envoy-api/index.ts';
import type { NodeModel } from '../../model/node.ts';
import { originalDestinationFilter } from '../listeners/main-internal.ts';
import { renderFailedTunnelLog } from './access-log.ts';
import { renderAddressMatcher, renderChainAction } from './address-matcher.ts';
import { directServers } from './direct.ts';
import { originateName, workloadClusterName } from './names.ts';
import { renderTunnel } from './tunnel.ts';

/** One listener for each client, or none when no service is reached directly. */
export function renderOriginateListeners(model: NodeModel): readonly EnvoyResource[] {
  const servers = directServers(model);
  if (servers.length === 0) return [];
  return model.workloads.map((client) => {
    const name = originateName(client);
    return {
      typeUrl: typeUrls.listener,
      name,
      json: {
        name,
        internal_listener: {},
        traffic_direction: 'OUTBOUND',
        listener_filters: [originalDestinationFilter],
        filter_chain_matcher: renderAddressMatcher(
          'DestinationIPInput',
          new Map(servers.map((server) => [server.address, renderChainAction(workloadClusterName(client, server))])),
        ),
        filter_chains: servers.map((server) => {
          const cluster = workloadClusterName(client, server);
          return { name: cluster, filters: [renderTunnel(client, cluster, renderFailedTunnelLog(client, server))] };
        }),
      },
    };
  });
}
