// DestinationRule `loadBalancer`: the choice of an endpoint. The precedence of localities is
// decided with the endpoints.

import { type ConsistentHash, type LoadBalancerSettings, parseDuration } from '../../../mesh/index.ts';
import type { HashKey, HashTable, LoadBalancer, Warmup } from '../../model/cluster.ts';

const defaultRingSize = 1024;
/** Envoy's bounds. */
const maximumRingSize = 8_388_608;
const maximumMaglevSize = 5_000_011;

/** The load balancer of settings; least requests by default. */
export function resolveLoadBalancer(settings: LoadBalancerSettings | undefined): LoadBalancer {
  if (settings?.consistentHash !== undefined) return resolveHash(settings.consistentHash);
  const warmup = settings === undefined ? undefined : resolveWarmup(settings);
  const slow = warmup === undefined ? {} : { warmup };
  switch (settings?.simple) {
    case 'ROUND_ROBIN':
      return { kind: 'round_robin', ...slow };
    case 'RANDOM':
      return { kind: 'random' };
    default:
      return { kind: 'least_request', ...slow };
  }
}

function resolveHash(settings: ConsistentHash): LoadBalancer {
  const key = resolveHashKey(settings);
  return { kind: 'hash', ...(key === undefined ? {} : { key }), table: resolveHashTable(settings) };
}

/**
 * The property of requests by which endpoints are chosen; undefined when none is configured, and
 * endpoints are chosen at random.
 */
export function resolveHashKey({
  httpHeaderName,
  httpCookie,
  useSourceIp,
  httpQueryParameterName,
}: ConsistentHash): HashKey | undefined {
  if (httpHeaderName !== undefined && httpHeaderName !== '') return { header: httpHeaderName.toLowerCase() };
  if (httpCookie !== undefined) {
    const ttl = httpCookie.ttl === undefined ? undefined : parseDuration(httpCookie.ttl);
    return {
      cookie: httpCookie.name,
      ...(httpCookie.path === undefined ? {} : { path: httpCookie.path }),
      // A cookie lives for whole seconds; with 0 it ends with the client.
      ...(ttl === undefined ? {} : { ttl: Math.ceil(ttl / 1000) * 1000 }),
      attributes: (httpCookie.attributes ?? []).map(({ name, value = '' }) => [name, value] as const),
    };
  }
  if (httpQueryParameterName !== undefined && httpQueryParameterName !== '') return { query: httpQueryParameterName };
  return useSourceIp === true ? 'source_address' : undefined;
}

function resolveHashTable({ ringHash, maglev, minimumRingSize }: ConsistentHash): HashTable {
  if (maglev !== undefined) {
    const size = maglev.tableSize;
    return { kind: 'maglev', ...(size === undefined || !isMaglevSize(size) ? {} : { size }) };
  }
  const wanted = ringHash?.minimumRingSize ?? minimumRingSize ?? 0;
  return { kind: 'ring', minimumSize: wanted === 0 ? defaultRingSize : Math.min(wanted, maximumRingSize) };
}

/** Whether Envoy takes a size for a Maglev table: a prime that is not too large. */
export function isMaglevSize(size: number): boolean {
  if (!Number.isInteger(size) || size < 2 || size > maximumMaglevSize) return false;
  for (let divisor = 2; divisor * divisor <= size; divisor += 1) if (size % divisor === 0) return false;
  return true;
}

function resolveWarmup({ warmup, warmupDurationSecs }: LoadBalancerSettings): Warmup | undefined {
  const text = warmup?.duration ?? warmupDurationSecs;
  const window = text === undefined ? undefined : parseDuration(text);
  if (window === undefined || window === 0) return undefined;
  const aggression = warmup?.aggression ?? 1;
  return { window, minimumPercent: warmup?.minimumPercent ?? 10, aggression: aggression > 0 ? aggression : 1 };
}
