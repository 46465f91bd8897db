// Every name that Cairn puts on the wire, in one file. They are Istio's if Istio has one, since
// operators and dashboards know them.

import type { ClusterKey } from '../model/cluster.ts';

/** The listener that terminates HBONE. */
export const connectTerminate = 'connect_terminate';
/**
 * The internal listeners behind the tunnel, and the clusters that lead to them: for ports that are
 * HTTP, for those that are TCP, and for those whose protocol the client's first bytes say.
 */
export const mainInternal = 'main_internal';
export const mainTcp = 'main_tcp';
export const mainSniffed = 'main_sniffed';
/** The internal listener that opens tunnels to workloads, and the cluster that they go through. */
export const connectOriginate = 'connect_originate';

/** The routes of requests to workloads themselves, and the cluster that they lead to. */
export const directHttp = 'direct-http';
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

/** The name of the route configuration of a frontend's requests, and of the scope that names it. */
export function formatRoutesName(host: string, port: number): string {
  return `inbound-vip|${port}|http|${host}`;
}

/** The name of the route configuration of the tunnels to a frontend. */
export function formatConnectName(host: string, port: number): string {
  return `connect|${port}|${host}`;
}

/** The same for the tunnels to workloads. */
export const connectWorkloads = 'connect|workloads';

/**
 * The headers by which connection managers choose a scope. Each manager writes its own before
 * anything reads it.
 */
export const scopeHeaders = { connect: 'x-cairn-tunnel', frontend: 'x-cairn-frontend' } as const;

/**
 * The beginnings of these headers. A client writes the authority of its tunnel, so that it must not
 * be able to name anything else by it.
 */
export const scopeKeys = { authority: 'out|', named: 'named|', request: 'in|' } as const;

/**
 * Filter state of a connection inside a tunnel, by key. The identity is the client's SPIFFE URI,
 * the source address its IP. The route of the CONNECT says the rest: the route configuration of
 * requests, the connection manager for them, the cluster of a TCP connection; `verdict` is that of
 * the TCP policies on a port that is sniffed.
 */
export const filterState = {
  identity: 'io.istio.peer_principal',
  localIdentity: 'io.istio.local_principal',
  sourceAddress: 'cairn.source_address',
  authority: 'io.istio.connect_authority',
  frontend: 'cairn.frontend',
  manager: 'cairn.manager',
  cluster: 'cairn.cluster',
  verdict: 'cairn.verdict',
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
