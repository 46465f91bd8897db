// The routes of tunnels: for each frontend a route configuration with its TCP policies and with
// everything that is to happen behind the tunnel. A tunnel gets its verdict and its destination
// from one version.

import { type EnvoyResource, type MessageTypes, typeUrls } from '../../../envoy-api/index.ts';
import { formatHostPort, formatProtoDuration } from '../../../mesh/index.ts';
import { type Authorization, openAuthorization } from '../../model/authorization.ts';
import type { ClusterKey } from '../../model/cluster.ts';
import type { DirectFrontend } from '../../model/direct.ts';
import type { Frontend, FrontendProtocol, TcpFrontend } from '../../model/frontend.ts';
import type { TcpRoute } from '../../model/tcp-route.ts';
import { listAllowPolicies, renderObservedVerdict, renderTunnelAuthorization } from '../authorization.ts';
import {
  connectWorkloads,
  directHttp,
  encap,
  formatClusterName,
  formatConnectName,
  formatRoutesName,
  mainInternal,
  mainSniffed,
  mainTcp,
  unknownService,
} from '../names.ts';
import { formatManager } from './http-manager.ts';
import { renderTcpMatches } from './tcp-match.ts';

type VirtualHost = MessageTypes['envoy.config.route.v3.VirtualHost'];
type Route = MessageTypes['envoy.config.route.v3.Route'];
type Action = MessageTypes['envoy.config.route.v3.RouteAction'];

/** The tunnels to a frontend. */
export function renderFrontendTunnels({ address, tcp }: Frontend): EnvoyResource {
  const { host, port, protocol } = address;
  const http = protocol === 'tcp' ? {} : { frontend: formatRoutesName(host, port), manager: formatManager(address) };
  return renderTunnels(formatConnectName(host, port), [
    {
      name: 'tunnels',
      domains: ['*'],
      ...renderVerdict(protocol, tcp?.authorization),
      routes:
        tcp === undefined
          ? [renderTunnel({ name: 'http', cluster: mainInternal }, http)]
          : tcp.routes.flatMap((route, index) => renderTcpRoute(route, index, tcp, protocol, http)),
    },
  ]);
}

/** The tunnels to workloads: any port of theirs, and those that are declared as TCP. */
export function renderWorkloadTunnels({ addresses, paths, tcp, tcpPorts }: DirectFrontend): EnvoyResource {
  const http = { frontend: directHttp, manager: formatManager({ paths }) };
  return renderTunnels(connectWorkloads, [
    ...tcpPorts.map(({ port, authorization }) => ({
      name: `workloads|${port}`,
      domains: addresses.map((address) => formatHostPort(address, port)),
      ...renderVerdict('tcp', authorization),
      routes: [renderTunnel({ name: 'tcp', cluster: mainTcp }, { cluster: encap })],
    })),
    {
      name: 'workloads',
      domains: ['*'],
      ...renderVerdict('auto', tcp),
      routes: [renderTunnel({ name: 'any', cluster: mainSniffed }, { ...http, cluster: encap })],
    },
  ]);
}

function renderTunnels(name: string, virtualHosts: readonly VirtualHost[]): EnvoyResource {
  const json: MessageTypes['envoy.config.route.v3.RouteConfiguration'] = {
    name,
    validate_clusters: false,
    virtual_hosts: virtualHosts,
  };
  return { typeUrl: typeUrls.routeConfiguration, name, json };
}

/** The policies of a port: enforced here on one that is TCP; on one that is sniffed, passed on. */
function renderVerdict(
  protocol: FrontendProtocol,
  authorization: Authorization = openAuthorization,
): Omit<VirtualHost, 'name' | 'domains' | 'routes'> {
  if (protocol === 'auto') return { typed_per_filter_config: { ...renderObservedVerdict(authorization) } };
  return {
    ...(authorization.allowPolicies.length === 0
      ? {}
      : { metadata: { filter_metadata: { cairn: listAllowPolicies(authorization) } } }),
    typed_per_filter_config: { ...renderTunnelAuthorization(authorization) },
  };
}

/** Facts about everything behind a tunnel, for the filter state of its connection. */
interface Destination {
  readonly frontend?: string;
  readonly manager?: string;
  readonly cluster?: string;
}

/**
 * One route for each destination and each match. Envoy draws one number for a request, so that the
 * first of several fractions that it is below stands for a share.
 */
function renderTcpRoute(
  { matches, destinations, limits = {} }: TcpRoute,
  index: number,
  tcp: TcpFrontend,
  protocol: FrontendProtocol,
  http: Destination,
): readonly Route[] {
  const { idleTimeout, maxDuration } = limits;
  const action: Action = {
    ...(idleTimeout === undefined ? {} : { idle_timeout: formatProtoDuration(idleTimeout) }),
    ...(maxDuration === undefined
      ? {}
      : { max_stream_duration: { max_stream_duration: formatProtoDuration(maxDuration) } }),
  };
  const cluster = protocol === 'auto' ? mainSniffed : mainTcp;
  const conditions = matches.length === 0 ? [{}] : matches.map(renderTcpMatches);
  const total = destinations.reduce((sum, { weight }) => sum + weight, 0);
  let below = 0;
  return destinations.flatMap((destination, number) => {
    below += destination.weight;
    const isLast = number === destinations.length - 1;
    return conditions.map((condition) => ({
      ...renderTunnel(
        { name: `tcp-${index}`, cluster, action },
        { ...http, cluster: nameCluster(destination.cluster) },
      ),
      match: {
        connect_matcher: {},
        ...condition,
        ...(isLast ? {} : { runtime_fraction: renderShare(below, total) }),
      },
    }));
  });
}

function renderShare(below: number, total: number): MessageTypes['envoy.config.core.v3.RuntimeFractionalPercent'] {
  return { default_value: { numerator: Math.round((below / total) * 1_000_000), denominator: 'MILLION' } };
}

function nameCluster(key: ClusterKey | undefined): string {
  return key === undefined ? unknownService : formatClusterName(key);
}

function renderTunnel(
  { name, cluster, action = {} }: { readonly name: string; readonly cluster: string; readonly action?: Action },
  destination: Destination,
): Route {
  return {
    name,
    match: { connect_matcher: {} },
    metadata: { filter_metadata: { cairn: { ...destination } } },
    route: {
      cluster,
      timeout: '0s',
      ...action,
      upgrade_configs: [{ upgrade_type: 'CONNECT', connect_config: {} }],
    },
  };
}
