// The filter chain of an HTTP frontend. It is the same for every frontend except for names and
// protocol: differences in meaning come by RDS.

import { createHash } from 'node:crypto';
import {
  type Any,
  encodeOnce,
  encodeResource,
  type EnvoyResource,
  type MessageTypes,
  typed,
} from '../../../envoy-api/index.ts';
import { judgement, type JudgementStep, type PathHandling } from '../../model/judgement.ts';
import type { ListenerModel } from '../../model/waypoint.ts';
import { renderAuthenticationFilter } from '../authentication.ts';
import { allowFilter, auditFilter, customFilter, denyFilter } from '../authorization.ts';
import { renderAuthorizerFilter } from '../authorizer.ts';
import { formatChainName } from '../names.ts';
import { corsFilter } from '../routes/cors.ts';
import { faultFilter } from '../routes/fault.ts';
import { sessionFilter } from '../routes/session.ts';
import { aggregatedSource } from '../tls.ts';
import { renderRequestLog, renderRequestMetrics } from './access-log.ts';
import { makeDiscovery, renderExtension } from './extension.ts';
import { renderForwardProxyFilters } from './forward-proxy.ts';
import type { Frontend, FrontendAddress, ServedAddress } from '../../model/frontend.ts';

type FilterChain = MessageTypes['envoy.config.listener.v3.FilterChain'];
type HttpFilter = MessageTypes['envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter'];

/** The last filter of every HTTP chain. */
export const router: HttpFilter = encodeOnce({
  name: 'envoy.filters.http.router',
  typed_config: typed('envoy.extensions.filters.http.router.v3.Router', {}),
});

/** The filters of each step. */
const filtersOf: Readonly<Record<JudgementStep, (chain: HttpChain) => readonly HttpFilter[]>> = {
  custom: ({ name }) => [customFilter, renderAuthorizerFilter(name)],
  token: ({ name }) => [renderAuthenticationFilter(name)],
  audit: () => [auditFilter],
  deny: () => [denyFilter],
  allow: () => [allowFilter],
  fault: () => [fault],
  cors: () => [cors],
  session: () => [session],
  route: ({ host, forwardPort }) => [
    ...(forwardPort === undefined ? [] : renderForwardProxyFilters(host, forwardPort)),
    router,
  ],
};

interface HttpChain {
  readonly host: string;
  readonly forwardPort: number | undefined;
  readonly name: string;
}

const fault: HttpFilter = encodeOnce({
  name: faultFilter,
  typed_config: typed('envoy.extensions.filters.http.fault.v3.HTTPFault', {}),
});
const cors: HttpFilter = encodeOnce({
  name: corsFilter,
  typed_config: typed('envoy.extensions.filters.http.cors.v3.Cors', {}),
});

const session: HttpFilter = encodeOnce({
  name: sessionFilter,
  typed_config: typed('envoy.extensions.filters.http.stateful_session.v3.StatefulSession', {}),
  disabled: true,
});

/** Turns what browsers send into gRPC, and the answers back. */
const grpcWeb: HttpFilter = {
  name: 'envoy.filters.http.grpc_web',
  typed_config: typed('envoy.extensions.filters.http.grpc_web.v3.GrpcWeb', {}),
};

const managerType = 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';

/** The chain of an HTTP frontend: its name, and the name of the resource that comes by ECDS. */
export function renderHttpChain(
  { address, service }: ServedAddress,
  settings: Pick<ListenerModel, 'accessLog'>,
): FilterChain {
  const chain = formatChainName(address.host, address.port, 'http');
  return {
    name: chain,
    filters: [{ name: managerName(chain, address, service, settings), config_discovery: discovery }],
  };
}

const discovery = makeDiscovery(managerType);

/** The resources that the chain of an HTTP frontend refers to. */
export function renderHttpManager({ address, service, accessLog }: Frontend): EnvoyResource {
  const chain = formatChainName(address.host, address.port, 'http');
  const settings = { accessLog };
  return renderExtension(
    managerName(chain, address, service, settings),
    renderManager(chain, address, service, settings),
  );
}

/**
 * A manager with another content has another name, so that Envoy builds another chain for it. Envoy
 * crashes on an update under the same name: the manager adds its routes to the init manager of the
 * listener that its chain was built in, and Envoy has freed that listener when a later one took the
 * chain over.
 */
function managerName(
  chain: string,
  address: FrontendAddress,
  { namespace, name }: ServedAddress['service'],
  settings: Pick<ListenerModel, 'accessLog'>,
): string {
  const content = `${managerVersion(address, settings)} ${namespace}/${name}`;
  return `http|${chain}|${createHash('sha256').update(content).digest('hex').slice(0, 8)}`;
}

/** Versions of managers without the names in them, by access log and by the other options. */
const versions = new WeakMap<object, Map<string, string>>();
const noLog = {};

function managerVersion(address: FrontendAddress, { accessLog }: Pick<ListenerModel, 'accessLog'>): string {
  const log = accessLog === 'none' ? noLog : accessLog;
  const known = versions.get(log) ?? new Map<string, string>();
  versions.set(log, known);
  const nameless = { ...address, host: '', port: 0, addresses: [] };
  const key = JSON.stringify(nameless);
  const found = known.get(key);
  if (found !== undefined) return found;
  const manager = renderManager('', nameless, { namespace: '', name: '' }, { accessLog });
  const { version } = encodeResource(renderExtension('', manager));
  known.set(key, version);
  return version;
}

type Manager = MessageTypes['envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'];
type PathOptions = Pick<Manager, 'normalize_path' | 'merge_slashes' | 'path_with_escaped_slashes_action'>;

function renderPaths({ normalize, mergeSlashes, escapedSlashes }: PathHandling): PathOptions {
  return {
    normalize_path: normalize,
    ...(mergeSlashes ? { merge_slashes: true } : {}),
    path_with_escaped_slashes_action: escapedSlashes === 'decode' ? 'UNESCAPE_AND_FORWARD' : 'KEEP_UNCHANGED',
  };
}

/**
 * The connection manager of an HTTP chain. It never depends on policies: they come by another
 * resource, and for a moment a policy would meet paths with another normalization than it expects.
 */
export function renderManager(
  chain: string,
  { host, port, protocol, forwardPort, paths }: Omit<FrontendAddress, 'addresses'>,
  service: ServedAddress['service'],
  { accessLog }: Pick<ListenerModel, 'accessLog'>,
): Any {
  return typed(managerType, {
    stat_prefix: `inbound_${port}`,
    server_name: 'istio-envoy',
    rds: { route_config_name: chain, config_source: aggregatedSource },
    ...renderPaths(paths),
    use_remote_address: false,
    internal_address_config: {},
    forward_client_cert_details: 'SANITIZE',
    stream_idle_timeout: '0s',
    proxy_100_continue: true,
    // A client that pauses for longer than this while its last answer is written would lose the
    // rest of it.
    delayed_close_timeout: '0s',
    http_protocol_options: { accept_http_10: true },
    upgrade_configs: [{ upgrade_type: 'websocket' }],
    // Envoy would connect to a port in the Host, which the client must not choose.
    ...(forwardPort === undefined ? {} : { strip_any_host_port: true }),
    ...(protocol === 'http2' || protocol === 'grpc-web' ? { http2_protocol_options: {} } : {}),
    access_log: [...renderRequestLog(accessLog), renderRequestMetrics({ host, ...service })],
    http_filters: [
      ...(protocol === 'grpc-web' ? [grpcWeb] : []),
      ...judgement.flatMap((step) => filtersOf[step]({ name: chain, host, forwardPort })),
    ],
  });
}
