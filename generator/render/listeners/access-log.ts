// Access logs and request metrics: one JSON line for each request with Istio's keys, and with the
// client and the policies in force; and Istio's counters, made from the same operators.

import { encodeOnce, type MessageTypes, typed } from '../../../envoy-api/index.ts';
import type { AccessLogging } from '../../model/access-log.ts';
import { filterMetadata, filterState } from '../names.ts';

type AccessLog = MessageTypes['envoy.config.accesslog.v3.AccessLog'];

const identity = `%FILTER_STATE(${filterState.identity}:PLAIN)%`;

function observed(key: string): string {
  return `%METADATA(DYNAMIC:${filterMetadata.rbac}:${key})%`;
}

/**
 * Istio's 24 keys, then ours: the client's identity, the object of the route, the ALLOW policies
 * that were tried, and the matches of policies that do not decide.
 */
const requestFormat: Readonly<Record<string, string>> = {
  start_time: '%START_TIME%',
  method: '%REQ(:METHOD)%',
  path: '%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%',
  protocol: '%PROTOCOL%',
  response_code: '%RESPONSE_CODE%',
  response_flags: '%RESPONSE_FLAGS%',
  response_code_details: '%RESPONSE_CODE_DETAILS%',
  connection_termination_details: '%CONNECTION_TERMINATION_DETAILS%',
  upstream_transport_failure_reason: '%UPSTREAM_TRANSPORT_FAILURE_REASON%',
  bytes_received: '%BYTES_RECEIVED%',
  bytes_sent: '%BYTES_SENT%',
  duration: '%DURATION%',
  upstream_service_time: '%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%',
  x_forwarded_for: '%REQ(X-FORWARDED-FOR)%',
  user_agent: '%REQ(USER-AGENT)%',
  request_id: '%REQ(X-REQUEST-ID)%',
  authority: '%REQ(:AUTHORITY)%',
  upstream_host: '%UPSTREAM_HOST%',
  upstream_cluster: '%UPSTREAM_CLUSTER_RAW%',
  upstream_local_address: '%UPSTREAM_LOCAL_ADDRESS%',
  downstream_local_address: '%DOWNSTREAM_LOCAL_ADDRESS%',
  downstream_remote_address: '%DOWNSTREAM_REMOTE_ADDRESS%',
  requested_server_name: '%REQUESTED_SERVER_NAME%',
  route_name: '%ROUTE_NAME%',
  source_principal: identity,
  source_address: `%FILTER_STATE(${filterState.originalSource}:PLAIN)%`,
  route_origin: '%METADATA(ROUTE:cairn:origin)%',
  allow_policies: '%METADATA(VIRTUAL_HOST:cairn:allow_policies)%',
  custom_policy: observed(`${filterMetadata.customPrefix}shadow_effective_policy_id`),
  audit_policy: observed(`${filterMetadata.auditPrefix}shadow_effective_policy_id`),
  dry_run_deny: observed(`${filterMetadata.dryRunPrefixes.deny}shadow_engine_result`),
  dry_run_deny_policy: observed(`${filterMetadata.dryRunPrefixes.deny}shadow_effective_policy_id`),
  dry_run_allow: observed(`${filterMetadata.dryRunPrefixes.allow}shadow_engine_result`),
  dry_run_allow_policy: observed(`${filterMetadata.dryRunPrefixes.allow}shadow_effective_policy_id`),
};

/** The access log of requests. */
export function renderRequestLog(logging: AccessLogging): AccessLog[] {
  return toLog(logging, requestFormat);
}

const connectionFormat: Readonly<Record<string, string>> = {
  start_time: '%START_TIME%',
  response_flags: '%RESPONSE_FLAGS%',
  connection_termination_details: '%CONNECTION_TERMINATION_DETAILS%',
  bytes_received: '%BYTES_RECEIVED%',
  bytes_sent: '%BYTES_SENT%',
  duration: '%DURATION%',
  upstream_host: '%UPSTREAM_HOST%',
  upstream_cluster: '%UPSTREAM_CLUSTER_RAW%',
  downstream_local_address: '%DOWNSTREAM_LOCAL_ADDRESS%',
  source_principal: identity,
};

/** The access log of TCP connections. */
export function renderConnectionLog(logging: AccessLogging): AccessLog[] {
  return toLog(logging, connectionFormat);
}

const refusedFormat: Readonly<Record<string, string>> = {
  start_time: '%START_TIME%',
  method: '%REQ(:METHOD)%',
  authority: '%REQ(:AUTHORITY)%',
  response_code: '%RESPONSE_CODE%',
  response_flags: '%RESPONSE_FLAGS%',
  response_code_details: '%RESPONSE_CODE_DETAILS%',
  downstream_remote_address: '%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%',
  source_principal: '%DOWNSTREAM_PEER_URI_SAN%',
  allow_policies: '%METADATA(VIRTUAL_HOST:cairn:allow_policies)%',
};

/**
 * The access log of tunnels: only of refused ones, since each request inside the others is logged
 * on its own.
 */
export function renderRefusedTunnelLog(logging: AccessLogging): AccessLog[] {
  return toLog(logging, refusedFormat).map((log) => ({
    ...log,
    filter: {
      status_code_filter: { comparison: { op: 'GE', value: { default_value: 400, runtime_key: 'cairn.unset' } } },
    },
  }));
}

/**
 * Rendered logs by their content and by `own`: every chain has the same, which is most of its
 * bytes.
 */
const rendered = new WeakMap<object, Map<object, AccessLog>>();

/** `own` are our keys of this place. */
function toLog(logging: AccessLogging, own: Readonly<Record<string, string>>): AccessLog[] {
  if (logging === 'none') return [];
  const places = rendered.get(logging) ?? new Map<object, AccessLog>();
  rendered.set(logging, places);
  const log = places.get(own) ?? encodeOnce(renderLog(logging, own));
  places.set(own, log);
  return [log];
}

function renderLog(
  { target, format }: Exclude<AccessLogging, 'none'>,
  own: Readonly<Record<string, string>>,
): AccessLog {
  const logFormat =
    typeof format === 'object' && 'text' in format
      ? { text_format_source: { inline_string: format.text } }
      : { json_format: { ...(format === 'own' ? own : format.json) } };
  const name = target === 'stdout' ? 'Stdout' : 'Stderr';
  return {
    name: `envoy.access_loggers.${target}`,
    typed_config: typed(`envoy.extensions.access_loggers.stream.v3.${name}AccessLog`, { log_format: logFormat }),
  };
}

const toTags = (
  formats: Readonly<Record<string, string>>,
): readonly { readonly name: string; value_format: string }[] =>
  Object.entries(formats).map(([name, format]) => encodeOnce({ name, value_format: format }));

const clientTags = toTags({ reporter: 'waypoint', source_principal: identity });
const requestTags = toTags({
  request_protocol: 'http',
  response_code: '%RESPONSE_CODE%',
  response_flags: '%RESPONSE_FLAGS%',
  connection_security_policy: 'mutual_tls',
});

const serviceTags = toTags(
  Object.fromEntries(
    ['destination_service', 'destination_service_name', 'destination_service_namespace'].map((name) => [
      name,
      `%METADATA(VIRTUAL_HOST:cairn:${name})%`,
    ]),
  ),
);

const tags = [...clientTags, ...serviceTags, ...requestTags];

/** The names of a service, as metadata of its virtual hosts: for logs and metrics. */
export function describeService(service: {
  readonly host: string;
  readonly namespace: string;
  readonly name: string;
}): Readonly<Record<string, string>> {
  return {
    destination_service: service.host,
    destination_service_name: service.name,
    destination_service_namespace: service.namespace,
  };
}

/**
 * Istio's request metrics. Envoy prefixes the names; the agent's metrics endpoint removes the
 * prefix again. All connection managers share the counters, also the newer version of one with the
 * older, so that none begins again at an edit.
 */
export const requestMetrics: AccessLog = encodeOnce({
  name: 'envoy.access_loggers.stats',
  typed_config: typed('envoy.extensions.access_loggers.stats.v3.Config', {
    stats_scope: { prefix: 'istio', sharing_name: 'istio', enable_eviction: true },
    counters: [{ stat: { name: 'istio_requests_total', tags }, value_fixed: 1 }],
    histograms: [
      {
        stat: { name: 'istio_request_duration_milliseconds', tags },
        unit: 'Milliseconds',
        value_format: '%DURATION%',
      },
    ],
  }),
});
