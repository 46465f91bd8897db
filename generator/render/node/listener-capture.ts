// `capture`: listens on every virtual address, tells the client by its source address, and hands the bytes to a tunnel made with that
// client's certificate. Who is not a workload of this node, or asks for what is not a service, is closed without a byte.

import { type EnvoyResource, type MessageTypes, typed, typeUrls } from '../../../envoy-api/index.ts';
import type { NodeModel, NodeService, NodeWorkload } from '../../model/node.ts';
import { renderDirectLog, renderWaypointLog } from './access-log.ts';
import { type OnMatch, renderAddressMatcher, renderChainAction, renderPortMatcher } from './address-matcher.ts';
import { captureName, directClusterName, waypointClusterName } from './names.ts';
import { renderTunnel } from './tunnel.ts';

type FilterChain = MessageTypes['envoy.config.listener.v3.FilterChain'];

/** The listener, or nothing when there is no virtual address to listen on. */
export function renderCaptureListener({ workloads, services }: NodeModel): readonly EnvoyResource[] {
  const [first, ...others] = services
    .flatMap(({ addresses, port }) => addresses.map((address) => ({ address, port })))
    .sort((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : a.port - b.port))
    .map(({ address, port }) => ({ address: { socket_address: { address, port_value: port } } }));
  if (first === undefined || workloads.length === 0) return [];
  const chains = new Map<string, FilterChain>();
  for (const client of workloads) {
    for (const service of services) {
      const name = clusterName(client, service);
      if (!chains.has(name)) chains.set(name, renderChain(client, service, name));
    }
  }
  return [
    {
      typeUrl: typeUrls.listener,
      name: captureName,
      json: {
        name: captureName,
        ...first,
        additional_addresses: others,
        // Not every virtual address needs to be an address of this machine.
        freebind: true,
        traffic_direction: 'OUTBOUND',
        filter_chain_matcher: renderAddressMatcher(
          'SourceIPInput',
          new Map(workloads.map((client) => [client.address, { matcher: renderServiceMatcher(client, services) }])),
        ),
        filter_chains: [...chains.values()],
      },
    },
  ];
}

function renderServiceMatcher(
  client: NodeWorkload,
  services: readonly NodeService[],
): MessageTypes['xds.type.matcher.v3.Matcher'] {
  const ports = new Map<string, Map<number, OnMatch>>();
  for (const service of services) {
    for (const address of service.addresses) {
      const branches = ports.get(address) ?? new Map<number, OnMatch>();
      ports.set(address, branches.set(service.port, renderChainAction(clusterName(client, service))));
    }
  }
  return renderAddressMatcher(
    'DestinationIPInput',
    new Map([...ports].map(([address, branches]) => [address, { matcher: renderPortMatcher(branches) }])),
  );
}

function clusterName(client: NodeWorkload, service: NodeService): string {
  const { destination } = service;
  return destination.kind === 'waypoint'
    ? waypointClusterName(client, destination.waypoint)
    : directClusterName(client, service);
}

function renderChain(client: NodeWorkload, { host, destination }: NodeService, name: string): FilterChain {
  const filter =
    destination.kind === 'waypoint'
      ? renderTunnel(client, name, renderWaypointLog(client, destination.waypoint))
      : {
          name: 'envoy.filters.network.tcp_proxy',
          typed_config: typed('envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy', {
            stat_prefix: name,
            cluster: name,
            idle_timeout: '0s',
            access_log: [renderDirectLog(client, host)],
          }),
        };
  return { name, filters: [filter] };
}
