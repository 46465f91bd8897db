// The choice of endpoints in a cluster. The keys of consistent hashing are in the cluster and not
// in routes, so that an edit of a DestinationRule changes clusters only.

import { type MessageTypes, typed } from '../../../envoy-api/index.ts';
import { formatProtoDuration } from '../../../mesh/index.ts';
import type { HashKey, ServiceCluster, Warmup } from '../../model/cluster.ts';
import { filterState } from '../names.ts';

type Cluster = MessageTypes['envoy.config.cluster.v3.Cluster'];
type HashPolicy = MessageTypes['envoy.config.route.v3.RouteAction.HashPolicy'];
type LoadBalancing = Pick<
  Cluster,
  'lb_policy' | 'load_balancing_policy' | 'round_robin_lb_config' | 'least_request_lb_config'
>;

/** The load balancer of a cluster. */
export function renderLoadBalancer({ loadBalancer, weighsLocalities }: ServiceCluster): LoadBalancing {
  switch (loadBalancer.kind) {
    case 'random':
      return { lb_policy: 'RANDOM' };
    case 'round_robin':
      return {
        lb_policy: 'ROUND_ROBIN',
        ...(loadBalancer.warmup === undefined ? {} : { round_robin_lb_config: renderSlowStart(loadBalancer.warmup) }),
      };
    case 'least_request':
      return {
        lb_policy: 'LEAST_REQUEST',
        ...(loadBalancer.warmup === undefined ? {} : { least_request_lb_config: renderSlowStart(loadBalancer.warmup) }),
      };
    case 'hash': {
      const { key, table } = loadBalancer;
      const common = {
        consistent_hashing_lb_config: key === undefined ? {} : { hash_policy: [renderHashKey(key)] },
        ...(weighsLocalities ? { locality_weighted_lb_config: {} } : {}),
      };
      const typedConfig =
        table.kind === 'ring'
          ? typed('envoy.extensions.load_balancing_policies.ring_hash.v3.RingHash', {
              ...common,
              minimum_ring_size: table.minimumSize,
            })
          : typed('envoy.extensions.load_balancing_policies.maglev.v3.Maglev', {
              ...common,
              ...(table.size === undefined ? {} : { table_size: table.size }),
            });
      const name = `envoy.load_balancing_policies.${table.kind === 'ring' ? 'ring_hash' : 'maglev'}`;
      return { load_balancing_policy: { policies: [{ typed_extension_config: { name, typed_config: typedConfig } }] } };
    }
  }
}

function renderSlowStart({
  window,
  minimumPercent,
  aggression,
}: Warmup): NonNullable<Cluster['round_robin_lb_config']> {
  return {
    slow_start_config: {
      slow_start_window: formatProtoDuration(window),
      aggression: { default_value: aggression, runtime_key: 'cairn.slow_start.aggression' },
      min_weight_percent: { value: minimumPercent },
    },
  };
}

function renderHashKey(key: HashKey): HashPolicy {
  // Envoy's own source address would follow an x-forwarded-for that the client writes.
  if (key === 'source_address') return { filter_state: { key: filterState.sourceAddress } };
  if ('header' in key) return { header: { header_name: key.header } };
  if ('query' in key) return { query_parameter: { name: key.query } };
  return {
    cookie: {
      name: key.cookie,
      ...(key.path === undefined ? {} : { path: key.path }),
      ...(key.ttl === undefined ? {} : { ttl: formatProtoDuration(key.ttl) }),
      ...(key.attributes.length === 0 ? {} : { attributes: key.attributes.map(([name, value]) => ({ name, value })) }),
    },
  };
}
