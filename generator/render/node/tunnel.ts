// Into a tunnel: a TCP connection becomes one CONNECT to its original address.

import { type MessageTypes, typed } from '../../../envoy-api/index.ts';
import type { NodeWorkload } from '../../model/node.ts';

type AccessLog = MessageTypes['envoy.config.accesslog.v3.AccessLog'];
type Filter = MessageTypes['envoy.config.listener.v3.Filter'];

/** `baggage` names the client's workload for the waypoint's telemetry; it is not authenticated. */
export function renderTunnel(client: NodeWorkload, cluster: string, log: AccessLog): Filter {
  const baggage = `k8s.namespace.name=${client.namespace},k8s.deployment.name=${client.name}`;
  return {
    name: 'envoy.filters.network.tcp_proxy',
    typed_config: typed('envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy', {
      stat_prefix: cluster,
      cluster,
      // The application decides about idle connections.
      idle_timeout: '0s',
      tunneling_config: {
        hostname: '%DOWNSTREAM_LOCAL_ADDRESS%',
        headers_to_add: [{ header: { key: 'baggage', value: baggage } }],
      },
      access_log: [log],
    }),
  };
}
