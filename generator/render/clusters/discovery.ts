// Discovery of a cluster's endpoints: listed ones by EDS; by DNS; the address that the client
// dialled; or the host that a request names.

import { type EnvoyResource, type MessageTypes, typed } from '../../../envoy-api/index.ts';
import type { Discovery, ServiceCluster, ServiceEndpoints } from '../../model/cluster.ts';
import type { Backend } from '../../model/waypoint.ts';
import { formatClusterName } from '../names.ts';
import { aggregatedSource } from '../tls.ts';
import { renderLoadBalancer } from './load-balancer.ts';
import { renderLoadAssignment, renderServiceCluster, renderServiceEndpoints } from './service-cluster.ts';

type Cluster = MessageTypes['envoy.config.cluster.v3.Cluster'];
type DnsCache = MessageTypes['envoy.extensions.common.dynamic_forward_proxy.v3.DnsCacheConfig'];

/** A cluster, and its endpoints if they are pushed on their own. */
export function renderBackend({ cluster, endpoints }: Backend): readonly EnvoyResource[] {
  const { discovery, key } = cluster;
  switch (discovery.kind) {
    case 'listed':
      return [renderServiceCluster(cluster, renderListed(cluster)), renderServiceEndpoints(endpoints)];
    case 'dns':
      return [renderServiceCluster(cluster, { ...renderDns(discovery.connect, cluster), ...renderInline(endpoints) })];
    case 'original':
      return [renderServiceCluster(cluster, { type: 'ORIGINAL_DST', lb_policy: 'CLUSTER_PROVIDED' })];
    case 'by-host':
      return [renderServiceCluster(cluster, renderForwardProxy(key.host))];
  }
}

/** The endpoints come by EDS under the same name. */
function renderListed(cluster: ServiceCluster): Cluster {
  return {
    type: 'EDS',
    eds_cluster_config: { eds_config: aggregatedSource, service_name: formatClusterName(cluster.key) },
    ...renderLoadBalancer(cluster),
  };
}

function renderInline(endpoints: ServiceEndpoints): Pick<Cluster, 'load_assignment'> {
  return { load_assignment: renderLoadAssignment(endpoints) };
}

/**
 * `each`: all addresses of all names are endpoints. `one`: one name, whichever address comes first.
 * `race`: all of one name at once.
 */
function renderDns(connect: Extract<Discovery, { kind: 'dns' }>['connect'], cluster: ServiceCluster): Cluster {
  return {
    ...renderLoadBalancer(cluster),
    type: connect === 'each' ? 'STRICT_DNS' : 'LOGICAL_DNS',
    dns_lookup_family: connect === 'race' ? 'ALL' : 'V4_PREFERRED',
    dns_refresh_rate: '60s',
    respect_dns_ttl: true,
  };
}

/**
 * The names that a forward proxy has resolved; the chain's filter and the cluster share the cache
 * by these very fields.
 */
export function renderDnsCache(host: string): DnsCache {
  return { name: host, dns_lookup_family: 'V4_PREFERRED' };
}

function renderForwardProxy(host: string): Cluster {
  return {
    lb_policy: 'CLUSTER_PROVIDED',
    cluster_type: {
      name: 'envoy.clusters.dynamic_forward_proxy',
      typed_config: typed('envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig', {
        dns_cache_config: renderDnsCache(host),
      }),
    },
  };
}
