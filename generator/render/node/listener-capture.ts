// `capture|<port>|<address>`: listens on one port of a virtual address, recognizes the client by
// its source address, and passes the bytes to a tunnel with that client's certificate. A client
// that is no workload of this node is refused, and gets the reason.
//
// One listener for each address and port, not one for all: Envoy replaces a listener whose list of
// addresses changes, which resets connections at once and, when the drain time ends, every stream
// of every service.

import { type EnvoyResource, type MessageTypes, typed, typeUrls } from '../../../envoy-api/index.ts';
import type { NodeAddress, NodeModel, NodeService, NodeWorkload } from '../../model/node.ts';
import { renderDirectLog, renderWaypointLog } from './access-log.ts';
import { renderAddressMatcher, renderChainAction } from './address-matcher.ts';
import { captureName, directClusterName, waypointClusterName } from './names.ts';
import { renderTunnel } from './tunnel.ts';

/** The listeners; an address without a service for anybody has none. */
export function renderCaptureListeners({ workloads, addresses }: NodeModel): readonly EnvoyResource[] {
  return addresses.flatMap((address) => {
    const { exceptions } = address;
    const led = workloads.flatMap((client): readonly (readonly [NodeWorkload, NodeService])[] => {
      const service = exceptions.has(client.namespace) ? exceptions.get(client.namespace) : address.service;
      return service === undefined ? [] : [[client, service]];
    });
    return led.length === 0 ? [] : [renderListener(address, led)];
  });
}

function renderListener(
  { address, port }: NodeAddress,
  led: readonly (readonly [NodeWorkload, NodeService])[],
): EnvoyResource {
  const name = captureName({ address, port });
  const json: MessageTypes['envoy.config.listener.v3.Listener'] = {
    name,
    address: { socket_address: { address, port_value: port } },
    // A virtual address need not be an address of this machine, and one that cannot be listened on
    // must not make Envoy refuse everything.
    freebind: true,
    traffic_direction: 'OUTBOUND',
    filter_chain_matcher: renderAddressMatcher(
      'SourceIPInput',
      new Map(led.map(([client, service]) => [client.address, renderChainAction(clusterName(client, service))])),
    ),
    filter_chains: led.map(([client, service]) => renderChain(client, service)),
    default_filter_chain: renderRefusal(led.map(([client]) => client)),
  };
  return { typeUrl: typeUrls.listener, name, json };
}

/**
 * The answer to a client at an address that is no workload's: an HTTP client shows it, and a person
 * can read it in any other. It is fixed and depends on nothing that was sent, so nothing of the
 * connection goes anywhere.
 */
function renderRefusal([example]: readonly NodeWorkload[]): MessageTypes['envoy.config.listener.v3.FilterChain'] {
  const text =
    'The address that you ask from is no workload of this mesh, and a service is only for workloads.\n' +
    `Ask from the address of one, for example: curl --interface ${example?.address ?? ''}\n`;
  const head = [
    'HTTP/1.1 403 Forbidden',
    'content-type: text/plain',
    `content-length: ${text.length}`,
    'connection: close',
    'server: cairn-node-proxy',
  ];
  return {
    name: 'no-workload',
    filters: [
      {
        name: 'envoy.filters.network.direct_response',
        typed_config: typed('envoy.extensions.filters.network.direct_response.v3.Config', {
          response: { inline_string: `${head.join('\r\n')}\r\n\r\n${text}` },
        }),
      },
    ],
  };
}

function clusterName(client: NodeWorkload, service: NodeService): string {
  const { destination } = service;
  return destination.kind === 'waypoint'
    ? waypointClusterName(client, destination.waypoint)
    : directClusterName(client, service);
}

function renderChain(client: NodeWorkload, service: NodeService): MessageTypes['envoy.config.listener.v3.FilterChain'] {
  const { host, destination } = service;
  const cluster = clusterName(client, service);
  const filter =
    destination.kind === 'waypoint'
      ? renderTunnel(client, cluster, renderWaypointLog(client, host, destination.waypoint))
      : {
          name: 'envoy.filters.network.tcp_proxy',
          typed_config: typed('envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy', {
            stat_prefix: cluster,
            cluster,
            idle_timeout: '0s',
            access_log: [renderDirectLog(client, host)],
          }),
        };
  return { name: cluster, filters: [filter] };
}
