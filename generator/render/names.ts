// Every name that Cairn puts on the wire, in one file. They are Istio's if Istio has one, since
// operators and dashboards know them.

import type { ClusterKey } from '../model/cluster.ts';
import type { TcpMatch } from '../model/tcp-route.ts';

/**
 * The listener that terminates HBONE, and its route configuration (one virtual host per TCP port
 * that policies apply to).
 */
export const connectTerminate = 'connect_terminate';
/**
 * The internal listener that dispatches on the original destination, and the cluster that leads to
 * it.
 */
export const mainInternal = 'main_internal';
/** The internal listener that opens tunnels to workloads, and the cluster that they go through. */
export const connectOriginate = 'connect_originate';

/** The chains of connections to workloads themselves, and the cluster that both lead to. */
export const directHttp = 'direct-http';
export const directTcp = 'direct-tcp';
/** The same for ports that are known to be TCP, whose servers may speak first. */
export const directDeclaredTcp = 'direct-tcp-declared';
export const encap = 'encap';

/**
 * A cluster name that no cluster has: requests sent there get the route's status for a missing
 * cluster.
 */
export const unknownService = 'UnknownService';

/**
 * `inbound-vip|<port>|<protocol>[/<subset>]|<host>` for services of the waypoint, else
 * `outbound|<port>|<subset>|<host>`.
 */
export function formatClusterName({ owned, host, port, protocol, subset }: ClusterKey): string {
  return owned
    ? `inbound-vip|${port}|${subset === undefined ? protocol : `${protocol}/${subset}`}|${host}`
    : `outbound|${port}|${subset ?? ''}|${host}`;
}

/** The name of a frontend's filter chain and of its route configuration. */
export function formatChainName(host: string, port: number, protocol: 'http' | 'tcp'): string {
  return `inbound-vip|${port}|${protocol}|${host}`;
}

/** The name of the filter chain of a TCP port's connections under certain conditions. */
export function formatConditionalChainName(host: string, port: number, matches: readonly TcpMatch[]): string {
  return `${formatChainName(host, port, 'tcp')}|${matches.map(formatTcpMatch).join('|')}`;
}

function formatTcpMatch({ sourceNamespace, sourceBlocks, destinationBlocks }: TcpMatch): string {
  const blocks = (key: string, list: TcpMatch['sourceBlocks']): readonly string[] =>
    list.length === 0 ? [] : [`${key}=${list.map(({ address, prefix }) => `${address}/${prefix}`).join(',')}`];
  return [
    ...(sourceNamespace === undefined ? [] : [`source.namespace=${sourceNamespace.name}`]),
    ...blocks('source.ip', sourceBlocks),
    ...blocks('destination.ip', destinationBlocks),
  ].join('&');
}

/**
 * Filter state of a connection into `main_internal`, by key. The identity is the client's SPIFFE
 * URI, the source address its IP, and `decidedAt` is `connect` if the policies of the port were
 * asked on the CONNECT.
 */
export const filterState = {
  identity: 'io.istio.peer_principal',
  localIdentity: 'io.istio.local_principal',
  sourceAddress: 'cairn.source_address',
  authority: 'io.istio.connect_authority',
  decidedAt: 'cairn.decided_at',
  originalDestination: 'envoy.filters.listener.original_dst.local_ip',
  originalSource: 'envoy.filters.listener.original_dst.remote_ip',
} as const;

/**
 * Dynamic metadata of a request: the claims of its token, and matches of RBAC filters that they do
 * not enforce. The prefixes of the latter are Istio's if Istio has one.
 */
export const filterMetadata = {
  jwt: 'envoy.filters.http.jwt_authn',
  payload: 'payload',
  rbac: 'envoy.filters.http.rbac',
  customPrefix: 'istio_ext_authz_',
  auditPrefix: 'cairn_audit_',
  dryRunPrefixes: { deny: 'istio_dry_run_deny_', allow: 'istio_dry_run_allow_' },
} as const;

/**
 * Endpoint metadata that the original_dst listener filter of `connect_originate` reads its target
 * from.
 */
export const originalDestinationMetadata = 'envoy.filters.listener.original_dst';

/** Names of the agent's secrets, and the bootstrap cluster that serves them. */
export const secrets = { certificate: 'default', roots: 'ROOTCA', cluster: 'sds-grpc' } as const;
