// The connections of a cluster: their limits, times and protocol.

import { encodeOnce, type MessageTypes, typed } from '../../../envoy-api/index.ts';
import { formatProtoDuration } from '../../../mesh/index.ts';
import type { CircuitBreaker, ConnectionSettings, ServiceCluster } from '../../model/cluster.ts';
import { renderErrorStatuses } from './outlier-detection.ts';

type Cluster = MessageTypes['envoy.config.cluster.v3.Cluster'];
type ProtocolOptions = MessageTypes['envoy.extensions.upstreams.http.v3.HttpProtocolOptions'];

/** No limit, unless a DestinationRule sets one. */
const unlimited = 4_294_967_295;

type CircuitBreakers = NonNullable<Cluster['circuit_breakers']>;

/** The limits of a cluster. */
export function renderCircuitBreaker(limits: CircuitBreaker): CircuitBreakers {
  return Object.values(limits).every((limit) => limit === undefined) ? noLimits : renderLimits(limits);
}

function renderLimits({
  maxConnections,
  maxPendingRequests,
  maxRequests,
  maxRetries,
  retryBudget,
}: CircuitBreaker): CircuitBreakers {
  return {
    thresholds: [
      {
        max_connections: maxConnections ?? unlimited,
        max_pending_requests: maxPendingRequests ?? unlimited,
        max_requests: maxRequests ?? unlimited,
        max_retries: maxRetries ?? unlimited,
        ...(retryBudget === undefined
          ? {}
          : {
              retry_budget: {
                budget_percent: { value: retryBudget.percent },
                min_retry_concurrency: retryBudget.minimum,
                ...(retryBudget.interval === undefined
                  ? {}
                  : { budget_interval: formatProtoDuration(retryBudget.interval) }),
              },
            }),
      },
    ],
  };
}

/**
 * The limits of clusters without configuration: none. One client could use up any limit there, and
 * all others would wait.
 */
export const noLimits: CircuitBreakers = encodeOnce(renderLimits({}));

/** Linux's maximum; with more, connections would fail. */
const maximumKeepaliveSeconds = 32_767;
const maximumKeepaliveProbes = 127;

/** TCP keepalive, in whole seconds. */
export function renderKeepalive({ keepalive }: ConnectionSettings): Pick<Cluster, 'upstream_connection_options'> {
  if (keepalive === undefined) return {};
  const { probes, time, interval } = keepalive;
  return {
    upstream_connection_options: {
      tcp_keepalive: {
        ...(probes === undefined ? {} : { keepalive_probes: Math.min(probes, maximumKeepaliveProbes) }),
        ...(time === undefined ? {} : { keepalive_time: wholeSeconds(time) }),
        ...(interval === undefined ? {} : { keepalive_interval: wholeSeconds(interval) }),
      },
    },
  };
}

function wholeSeconds(milliseconds: number): number {
  return Math.min(Math.max(1, Math.round(milliseconds / 1000)), maximumKeepaliveSeconds);
}

const httpProtocolOptions = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

/**
 * The HTTP protocol of a cluster; nothing if Envoy's defaults, HTTP/1.1 without limits, are wanted.
 */
export function renderProtocolOptions(cluster: ServiceCluster): Pick<Cluster, 'typed_extension_protocol_options'> {
  const { key, upstreamProtocol } = cluster;
  if (key.protocol === 'tcp') return {};
  const common = renderCommonOptions(cluster.connections);
  const names = renderServerNames(cluster);
  const errors = renderErrorStatuses(cluster.outlierDetection ?? {});
  if (upstreamProtocol === 'http1' && common === undefined && names === undefined && !('outlier_detection' in errors))
    return {};
  const options: ProtocolOptions = {
    ...(common === undefined ? {} : { common_http_protocol_options: common }),
    ...(names === undefined ? {} : { upstream_http_protocol_options: names }),
    ...errors,
    ...renderVersion(cluster),
  };
  return { typed_extension_protocol_options: { [httpProtocolOptions]: typed(httpProtocolOptions, options) } };
}

/**
 * The server name follows the host of each request; a configured one is part of the transport. If
 * requests name their destination, Envoy insists that the certificate is checked for it too.
 */
function renderServerNames({ discovery, tls }: ServiceCluster): ProtocolOptions['upstream_http_protocol_options'] {
  if (discovery.kind === 'by-host') return { auto_sni: true, auto_san_validation: true };
  const name = tls?.serverName;
  if (name === undefined || typeof name === 'string') return undefined;
  return { auto_sni: true, ...(name.ofRequest === 'checked' ? { auto_san_validation: true } : {}) };
}

function renderVersion({ upstreamProtocol, connections }: ServiceCluster): ProtocolOptions {
  const { maxStreams, http2Keepalive } = connections.http;
  const http2 = {
    ...(maxStreams === undefined ? {} : { max_concurrent_streams: maxStreams }),
    ...(http2Keepalive === undefined
      ? {}
      : {
          connection_keepalive: {
            interval: formatProtoDuration(http2Keepalive.interval),
            timeout: formatProtoDuration(http2Keepalive.timeout),
          },
        }),
  };
  switch (upstreamProtocol) {
    case 'http1':
      return { explicit_http_config: { http_protocol_options: {} } };
    case 'http2':
      return { explicit_http_config: { http2_protocol_options: http2 } };
    case 'client':
      return { use_downstream_protocol_config: { http_protocol_options: {}, http2_protocol_options: http2 } };
  }
}

function renderCommonOptions({
  http: { idleTimeout, maxDuration, maxRequests },
}: ConnectionSettings): ProtocolOptions['common_http_protocol_options'] {
  if (idleTimeout === undefined && maxDuration === undefined && maxRequests === undefined) return undefined;
  return {
    ...(idleTimeout === undefined ? {} : { idle_timeout: formatProtoDuration(idleTimeout) }),
    ...(maxDuration === undefined ? {} : { max_connection_duration: formatProtoDuration(maxDuration) }),
    ...(maxRequests === undefined ? {} : { max_requests_per_connection: maxRequests }),
  };
}
