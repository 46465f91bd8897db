// The configuration that a proxy starts with: its name, the addresses of its control plane and its
// secrets, and limits that no served resource can set. Everything else comes over xDS.

import { typed, type JsonObject } from '../envoy-api/index.ts';
import { renderAddress, renderAdminCluster, renderSdsCluster, renderXdsCluster } from './clusters.ts';
import type { BootstrapInput } from './input.ts';
import { renderOverloadManager } from './overload.ts';
import { xdsCluster } from './names.ts';

/** Envoy's runtime settings, by key: those that no served resource can set. */
export const runtimeKeys: JsonObject = {
  // Envoy refuses regular expressions of more than 100 instructions unless told otherwise.
  're2.max_program_size.error_level': 32768,
  // The orderly end of a tunnel by the server would otherwise reach the client as a reset of its
  // connection.
  'envoy.reloadable_features.propagate_upstream_rst_through_tunneled_tcp_proxy': false,
  // The orderly end of a connection to an internal listener would otherwise be a reset, which takes
  // the last bytes with it.
  'envoy.reloadable_features.enable_send_rst_on_user_space_socket': false,
};

/** Envoy's `Bootstrap` as ProtoJSON. */
export function renderBootstrap(input: BootstrapInput): JsonObject {
  return {
    node: renderNode(input),
    admin: { address: renderAdmin(input.admin), ignore_global_conn_limit: true },
    dynamic_resources: {
      ads_config: {
        api_type: 'DELTA_GRPC',
        transport_api_version: 'V3',
        set_node_on_first_message_only: true,
        grpc_services: [{ envoy_grpc: { cluster_name: xdsCluster } }],
      },
      // Envoy is not ready before the first configuration, however long that takes.
      lds_config: { ads: {}, resource_api_version: 'V3', initial_fetch_timeout: '0s' },
      cds_config: { ads: {}, resource_api_version: 'V3', initial_fetch_timeout: '0s' },
    },
    static_resources: {
      clusters: [renderXdsCluster(input.xds), renderSdsCluster(input.sdsSocket), renderAdminCluster(input.admin)],
      listeners: [renderStatsListener(input)],
    },
    bootstrap_extensions: [
      {
        name: 'envoy.bootstrap.internal_listener',
        typed_config: typed('envoy.extensions.bootstrap.internal_listener.v3.InternalListener', { buffer_size_kb: 64 }),
      },
    ],
    layered_runtime: {
      layers: [
        { name: 'static', static_layer: runtimeKeys },
        { name: 'admin', admin_layer: {} },
      ],
    },
    overload_manager: renderOverloadManager(input.heapLimit),
    deferred_stat_options: { enable_deferred_creation_stats: true },
    stats_config: renderStatsConfig(),
    // Request metrics of clients and services that are gone would stay for good: their scope never
    // goes. Other statistics are not concerned.
    stats_eviction_interval: '86400s',
  };
}

function renderNode(input: BootstrapInput): JsonObject {
  const { role, podName, namespace, serviceAccount, instanceIp, domain, gatewayName } = input;
  const labels = {
    ...input.labels,
    ...(gatewayName === undefined ? {} : { 'gateway.networking.k8s.io/gateway-name': gatewayName }),
  };
  return {
    id: `${role}~${instanceIp}~${podName}.${namespace}~${namespace}.svc.${domain}`,
    cluster: `${serviceAccount}.${namespace}`,
    metadata: {
      NAME: podName,
      NAMESPACE: namespace,
      SERVICE_ACCOUNT: serviceAccount,
      INSTANCE_IPS: instanceIp,
      LABELS: labels,
      ...(input.clusterId === undefined ? {} : { CLUSTER_ID: input.clusterId }),
      ...(input.nodeName === undefined ? {} : { NODE_NAME: input.nodeName }),
      ...(input.network === undefined ? {} : { NETWORK: input.network }),
    },
  };
}

function renderAdmin(admin: BootstrapInput['admin']): JsonObject {
  return 'path' in admin ? { pipe: { path: admin.path, mode: 0o600 } } : renderAddress(admin);
}

/** Only one path leads to the admin interface, which can also stop the proxy. */
function renderStatsListener(input: BootstrapInput): JsonObject {
  return {
    name: 'prometheus_stats',
    address: renderAddress(input.stats),
    stat_prefix: 'prometheus_stats',
    ignore_global_conn_limit: true,
    bypass_overload_manager: true,
    filter_chains: [
      {
        filters: [
          {
            name: 'envoy.filters.network.http_connection_manager',
            typed_config: typed('envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
              stat_prefix: 'prometheus_stats',
              normalize_path: true,
              route_config: {
                name: 'prometheus_stats',
                virtual_hosts: [
                  {
                    name: 'prometheus_stats',
                    domains: ['*'],
                    routes: [{ match: { path: '/stats/prometheus' }, route: { cluster: 'prometheus_stats' } }],
                  },
                ],
              },
              http_filters: [
                {
                  name: 'envoy.filters.http.router',
                  typed_config: typed('envoy.extensions.filters.http.router.v3.Router', {}),
                },
              ],
            }),
          },
        ],
      },
    ],
  };
}

/**
 * Per-cluster and per-route statistics of thousands of services would cost more memory than their
 * configuration.
 */
export function renderStatsConfig(): JsonObject {
  const prefixes = [
    'cluster_manager',
    'cluster.xds-grpc',
    'cluster.sds-grpc',
    'istio',
    'listener',
    'runtime',
    'sds',
    'server',
  ];
  const suffixes = ['_.allowed', '_.denied', 'shadow_allowed', 'shadow_denied', 'downstream_cx_active'];
  const patterns = [...prefixes.map((prefix) => ({ prefix })), ...suffixes.map((suffix) => ({ suffix }))];
  return { stats_matcher: { inclusion_list: { patterns } } };
}
