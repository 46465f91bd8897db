// The filter chains of a TCP frontend. The destination comes as extension configuration, one for
// each chain, so that an edit of destinations does not touch the listener. Ports declared as TCP
// are decided on the CONNECT. Sniffed ports, and ranges of addresses, have their policy in the
// chain, by extension configuration too.

import { type Any, type EnvoyResource, type MessageTypes, typed } from '../../../envoy-api/index.ts';
import { formatProtoDuration } from '../../../mesh/index.ts';
import type { Authorization } from '../../model/authorization.ts';
import type { TcpDestination, TcpRoute } from '../../model/tcp-route.ts';
import type { AccessLogging } from '../../model/access-log.ts';
import { type NetworkAuthorizationAction, renderNetworkAuthorization } from '../authorization.ts';
import { formatChainName, formatClusterName, formatConditionalChainName, unknownService } from '../names.ts';
import { renderConnectionLog } from './access-log.ts';
import { makeDiscovery, renderExtension } from './extension.ts';
import type { ServedAddress, TcpFrontend } from '../../model/frontend.ts';

type FilterChain = MessageTypes['envoy.config.listener.v3.FilterChain'];
type Filter = MessageTypes['envoy.config.listener.v3.Filter'];

const types = {
  rbac: 'envoy.extensions.filters.network.rbac.v3.RBAC',
  proxy: 'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
} as const;

const discovery = { rbac: makeDiscovery(types.rbac), proxy: makeDiscovery(types.proxy) };

/** The chains of a TCP frontend: one for every connection, and one for each conditional route. */
export function renderTcpChains({ address, tcpConditions }: ServedAddress): readonly FilterChain[] {
  const { host, port } = address;
  const name = formatChainName(host, port, 'tcp');
  const policies = address.tcpVerdict === 'chain' ? discoverPolicies(name) : [];
  const chains = [name, ...tcpConditions.map((matches) => formatConditionalChainName(host, port, matches))];
  return chains.map((chain) => ({
    name: chain,
    filters: [...policies, { name: proxyName(chain), config_discovery: discovery.proxy }],
  }));
}

/** The policy filters of a chain that is decided in the chain. */
export function discoverPolicies(chain: string): readonly Filter[] {
  return [
    { name: policyName(chain, 'deny'), config_discovery: discovery.rbac },
    { name: policyName(chain, 'allow'), config_discovery: discovery.rbac },
  ];
}

/** The extension configurations that `discoverPolicies` refers to. */
export function renderPolicies(chain: string, authorization: Authorization): readonly EnvoyResource[] {
  return (['deny', 'allow'] as const).map((action) =>
    renderExtension(policyName(chain, action), renderNetworkAuthorization(authorization, action)),
  );
}

function policyName(chain: string, action: NetworkAuthorizationAction): string {
  return `${action}|${chain}`;
}

function proxyName(chain: string): string {
  return `tcp_proxy|${chain}`;
}

/**
 * The extension configurations that the chains of a TCP frontend refer to: destinations, and
 * policies that are decided there.
 */
export function renderTcpExtensions(frontend: TcpFrontend, log: AccessLogging): readonly EnvoyResource[] {
  const { host, port, routes, authorization, decidedAt, opens } = frontend;
  const name = formatChainName(host, port, 'tcp');
  return [
    ...(decidedAt === 'chain' ? renderPolicies(name, authorization) : []),
    ...routes.map((route) => {
      const chain = route.matches.length === 0 ? name : formatConditionalChainName(host, port, route.matches);
      return renderExtension(proxyName(chain), renderProxy(chain, route, opens, log));
    }),
  ];
}

/** The moment at which a proxy opens its connection to the destination. */
export function renderOpening(
  opens: TcpFrontend['opens'],
): Pick<MessageTypes[typeof types.proxy], 'max_early_data_bytes' | 'upstream_connect_mode'> {
  return opens === 'at-once' ? {} : { upstream_connect_mode: 'ON_DOWNSTREAM_DATA', max_early_data_bytes: 65_536 };
}

function renderProxy(
  chain: string,
  { destinations, limits = {} }: TcpRoute,
  opens: TcpFrontend['opens'],
  log: AccessLogging,
): Any {
  const { idleTimeout, maxDuration } = limits;
  const [only] = destinations;
  return typed(types.proxy, {
    stat_prefix: chain,
    ...(only !== undefined && destinations.length === 1
      ? { cluster: clusterOf(only) }
      : {
          weighted_clusters: {
            clusters: destinations.map((destination) => ({ name: clusterOf(destination), weight: destination.weight })),
          },
        }),
    ...renderOpening(opens),
    ...(idleTimeout === undefined ? {} : { idle_timeout: formatProtoDuration(idleTimeout) }),
    ...(maxDuration === undefined ? {} : { max_downstream_connection_duration: formatProtoDuration(maxDuration) }),
    access_log: renderConnectionLog(log),
  });
}

function clusterOf({ cluster }: TcpDestination): string {
  return cluster === undefined ? unknownService : formatClusterName(cluster);
}
