// The proto files that are loaded by name; their imports come along. Loading everything in the
// package fails (leftovers of the v2 API), and a schema of everything would be several times as
// slow to load.

const extension = (path) => `envoy/extensions/${path}.proto`;

/** Import paths of the root files, as one proto file would import another. */
export const envoyRoots = [
  // xDS itself
  'envoy/service/discovery/v3/discovery.proto',
  'envoy/service/discovery/v3/ads.proto',
  'google/rpc/status.proto',

  // the resources
  'envoy/config/listener/v3/listener.proto',
  'envoy/config/cluster/v3/cluster.proto',
  'envoy/config/route/v3/route.proto',
  'envoy/config/route/v3/scoped_route.proto',
  'envoy/config/endpoint/v3/endpoint.proto',
  'envoy/config/core/v3/extension.proto',
  'envoy/config/common/matcher/v3/matcher.proto',
  'envoy/config/bootstrap/v3/bootstrap.proto',
  'envoy/config/rbac/v3/rbac.proto',
  extension('transport_sockets/tls/v3/secret'),

  // HTTP filters
  ...[
    'cors/v3/cors',
    'dynamic_forward_proxy/v3/dynamic_forward_proxy',
    'ext_authz/v3/ext_authz',
    'fault/v3/fault',
    'grpc_stats/v3/config',
    'grpc_web/v3/grpc_web',
    'header_mutation/v3/header_mutation',
    'header_to_metadata/v3/header_to_metadata',
    'health_check/v3/health_check',
    'jwt_authn/v3/config',
    'local_ratelimit/v3/local_rate_limit',
    'lua/v3/lua',
    'on_demand/v3/on_demand',
    'ratelimit/v3/rate_limit',
    'rbac/v3/rbac',
    'router/v3/router',
    'set_filter_state/v3/set_filter_state',
    'set_metadata/v3/set_metadata',
    'stateful_session/v3/stateful_session',
  ].map((path) => extension(`filters/http/${path}`)),

  ...['cookie/v3/cookie', 'header/v3/header'].map((path) => extension(`http/stateful_session/${path}`)),

  // network and listener filters
  ...[
    'direct_response/v3/config',
    'ext_authz/v3/ext_authz',
    'http_connection_manager/v3/http_connection_manager',
    'local_ratelimit/v3/local_rate_limit',
    'rbac/v3/rbac',
    'set_filter_state/v3/set_filter_state',
    'sni_cluster/v3/sni_cluster',
    'tcp_proxy/v3/tcp_proxy',
  ].map((path) => extension(`filters/network/${path}`)),
  ...[
    'http_inspector/v3/http_inspector',
    'original_dst/v3/original_dst',
    'proxy_protocol/v3/proxy_protocol',
    'tls_inspector/v3/tls_inspector',
  ].map((path) => extension(`filters/listener/${path}`)),

  // transport sockets, upstreams, clusters
  ...[
    'bootstrap/internal_listener/v3/internal_listener',
    'clusters/aggregate/v3/cluster',
    'clusters/dynamic_forward_proxy/v3/cluster',
    'network/dns_resolver/cares/v3/cares_dns_resolver',
    'network/dns_resolver/getaddrinfo/v3/getaddrinfo_dns_resolver',
    'transport_sockets/internal_upstream/v3/internal_upstream',
    'transport_sockets/proxy_protocol/v3/upstream_proxy_protocol',
    'transport_sockets/raw_buffer/v3/raw_buffer',
    'transport_sockets/tls/v3/tls',
    'transport_sockets/tls/v3/tls_spiffe_validator_config',
    'upstreams/http/v3/http_protocol_options',
    'upstreams/tcp/v3/tcp_protocol_options',

    // load balancing and retries
    'load_balancing_policies/cluster_provided/v3/cluster_provided',
    'load_balancing_policies/common/v3/common',
    'load_balancing_policies/least_request/v3/least_request',
    'load_balancing_policies/maglev/v3/maglev',
    'load_balancing_policies/random/v3/random',
    'load_balancing_policies/ring_hash/v3/ring_hash',
    'load_balancing_policies/round_robin/v3/round_robin',
    'load_balancing_policies/wrr_locality/v3/wrr_locality',
    'retry/host/omit_host_metadata/v3/omit_host_metadata_config',
    'retry/host/previous_hosts/v3/previous_hosts',
    'retry/priority/previous_priorities/v3/previous_priorities_config',

    // logs, matching, paths, request ids
    'access_loggers/file/v3/file',
    'access_loggers/grpc/v3/als',
    'access_loggers/stream/v3/stream',
    'formatter/metadata/v3/metadata',
    'formatter/req_without_query/v3/req_without_query',
    'http/header_formatters/preserve_case/v3/preserve_case',
    'http/early_header_mutation/header_mutation/v3/header_mutation',
    'http/original_ip_detection/xff/v3/xff',
    'http/stateful_session/cookie/v3/cookie',
    'http/stateful_session/header/v3/header',
    'matching/common_inputs/network/v3/network_inputs',
    'matching/common_inputs/ssl/v3/ssl_inputs',
    'matching/input_matchers/ip/v3/ip',
    'path/match/uri_template/v3/uri_template_match',
    'path/rewrite/uri_template/v3/uri_template_rewrite',
    'rbac/audit_loggers/stream/v3/stream',
    'request_id/uuid/v3/uuid',
  ].map(extension),
  'envoy/type/matcher/v3/http_inputs.proto',
  'envoy/type/matcher/v3/filter_state.proto',
  'xds/type/matcher/v3/domain.proto',
  'xds/type/matcher/v3/ip.proto',
  'xds/type/matcher/v3/matcher.proto',
  'xds/type/matcher/v3/range.proto',
  'xds/type/v3/typed_struct.proto',

  // well-known types that appear inside Any
  'google/protobuf/empty.proto',
  'google/protobuf/struct.proto',
  'google/protobuf/wrappers.proto',
];
