// A cluster with the way in which it finds its endpoints: listed ones by EDS; by DNS; whatever address the client dialled; or whatever
// host a request names.

import { type EnvoyResource, type JsonObject, type MessageTypes, typed } from '../../../envoy-api/index.ts';
import type { Discovery } from '../../model/cluster.ts';
import type { Backend } from '../../model/waypoint.ts';
import { renderServiceCluster, renderServiceEndpoints } from './service-cluster.ts';

type Cluster = MessageTypes['envoy.config.cluster.v3.Cluster'];
type DnsCache = MessageTypes['envoy.extensions.common.dynamic_forward_proxy.v3.DnsCacheConfig'];

/** A cluster, and its endpoints where they are pushed on their own. */
export function renderBackend({ cluster, endpoints }: Backend): readonly EnvoyResource[] {
  const resource = renderServiceCluster(cluster);
  const { discovery } = cluster;
  if (discovery.kind === 'listed') return [resource, renderServiceEndpoints(endpoints)];
  const fields: Cluster =
    discovery.kind === 'dns'
      ? { ...renderDns(discovery.connect), load_assignment: renderServiceEndpoints(endpoints).json }
      : discovery.kind === 'original'
        ? { type: 'ORIGINAL_DST', lb_policy: 'CLUSTER_PROVIDED' }
        : renderForwardProxy(cluster.key.host, resource.json);
  const omitted = discovery.kind === 'dns' ? ['eds_cluster_config'] : providedByCluster;
  const kept = Object.entries(resource.json).filter(([field]) => !omitted.includes(field) && field !== 'type');
  return [{ ...resource, json: { ...Object.fromEntries(kept), ...fields } }];
}

/** What has no meaning, or is refused, where the cluster itself chooses the host. */
const providedByCluster: readonly string[] = [
  'eds_cluster_config',
  'load_balancing_policy',
  'lb_subset_config',
  'least_request_lb_config',
  'round_robin_lb_config',
  'ring_hash_lb_config',
  'maglev_lb_config',
];

/** `each`: all addresses of all names are endpoints. `one`: one name, whichever address comes first. `race`: all of one name at once. */
function renderDns(connect: Extract<Discovery, { kind: 'dns' }>['connect']): Cluster {
  return {
    type: connect === 'each' ? 'STRICT_DNS' : 'LOGICAL_DNS',
    dns_lookup_family: connect === 'race' ? 'ALL' : 'V4_PREFERRED',
    dns_refresh_rate: '60s',
    respect_dns_ttl: true,
  };
}

/** The names that a forward proxy has asked for; the chain's filter and the cluster share it by these very fields. */
export function renderDnsCache(host: string): DnsCache {
  return { name: host, dns_lookup_family: 'V4_PREFERRED' };
}

const httpProtocolOptions = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

/** With TLS, the certificate must be that of the host that the request named; Envoy insists on it. */
function renderForwardProxy(host: string, { typed_extension_protocol_options: before }: JsonObject): Cluster {
  const options = isObject(before) ? before[httpProtocolOptions] : undefined;
  const { upstream_http_protocol_options: names, ...rest } = isObject(options) ? options : {};
  const common = isObject(names) ? names : {};
  return {
    lb_policy: 'CLUSTER_PROVIDED',
    cluster_type: {
      name: 'envoy.clusters.dynamic_forward_proxy',
      typed_config: typed('envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig', {
        dns_cache_config: renderDnsCache(host),
      }),
    },
    typed_extension_protocol_options: {
      [httpProtocolOptions]: typed(httpProtocolOptions, {
        ...(Object.keys(rest).length === 0 ? { explicit_http_config: { http_protocol_options: {} } } : rest),
        upstream_http_protocol_options: { ...common, auto_sni: true, auto_san_validation: true },
      }),
    },
  };
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
