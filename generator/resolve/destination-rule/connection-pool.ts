// DestinationRule `connectionPool` and `retryBudget`: limits, times and the protocol of
// connections. As in Istio, 0 is no limit.

import { type ConnectionPoolSettings, parseDuration, type TrafficPolicy } from '../../../mesh/index.ts';
import type { CircuitBreaker, ConnectionSettings, ServiceCluster } from '../../model/cluster.ts';
import type { ResolvedPort } from '../service/service.ts';

/** Milliseconds; Istio's default. */
const defaultConnectTimeout = 10_000;

/** The limits of a cluster. A retry budget replaces the fixed number of retries. */
export function resolveCircuitBreaker(
  pool: ConnectionPoolSettings | undefined,
  budget: TrafficPolicy['retryBudget'],
): CircuitBreaker {
  const interval = milliseconds(budget?.budgetInterval);
  return {
    ...positive('maxConnections', pool?.tcp?.maxConnections),
    ...positive('maxPendingRequests', pool?.http?.http1MaxPendingRequests),
    ...positive('maxRequests', pool?.http?.http2MaxRequests),
    ...positive('maxRetries', pool?.http?.maxRetries),
    ...(budget === undefined
      ? {}
      : {
          retryBudget: {
            percent: budget.percent ?? 20,
            minimum: budget.minRetryConcurrency ?? 3,
            ...(interval === undefined ? {} : { interval }),
          },
        }),
  };
}

/** The times and sizes of a cluster's connections. */
export function resolveConnections(pool: ConnectionPoolSettings | undefined): ConnectionSettings {
  const { tcp, http } = pool ?? {};
  const keepalive = tcp?.tcpKeepalive;
  const pings = http?.http2KeepAlive;
  const idleTimeout = milliseconds(http?.idleTimeout);
  return {
    connectTimeout: milliseconds(tcp?.connectTimeout) ?? defaultConnectTimeout,
    ...(keepalive === undefined
      ? {}
      : {
          keepalive: {
            ...positive('probes', keepalive.probes),
            ...positive('time', milliseconds(keepalive.time)),
            ...positive('interval', milliseconds(keepalive.interval)),
          },
        }),
    http: {
      ...(idleTimeout === undefined ? {} : { idleTimeout }),
      ...positive('maxDuration', milliseconds(tcp?.maxConnectionDuration)),
      ...positive('maxRequests', http?.maxRequestsPerConnection),
      ...positive('maxStreams', http?.maxConcurrentStreams),
      ...(pings?.interval === undefined
        ? {}
        : {
            http2Keepalive: {
              interval: milliseconds(pings.interval) ?? defaultConnectTimeout,
              timeout: milliseconds(pings.timeout) ?? defaultConnectTimeout,
            },
          }),
    },
  };
}

/**
 * The protocol to the application: the client's if that is asked for, else HTTP/2 if the port or an
 * upgrade says so.
 */
export function resolveUpstreamProtocol(
  { protocol }: Pick<ResolvedPort, 'protocol'>,
  pool: ConnectionPoolSettings | undefined,
): ServiceCluster['upstreamProtocol'] {
  if (pool?.http?.useClientProtocol === true) return 'client';
  if (protocol === 'http2' || protocol === 'grpc-web' || pool?.http?.h2UpgradePolicy === 'UPGRADE') return 'http2';
  return protocol === 'auto' ? 'client' : 'http1';
}

function milliseconds(text: string | undefined): number | undefined {
  return text === undefined ? undefined : parseDuration(text);
}

function positive<K extends string>(name: K, value: number | undefined): { readonly [P in K]?: number } {
  return value === undefined || value <= 0 ? {} : ({ [name]: value } as { readonly [P in K]?: number });
}
