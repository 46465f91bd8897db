// The connection managers of requests. They are the same for all services but for what a manager
// alone can do: normalize paths, and cut the port off the Host. Services differ in their routes.

import { type Any, encodeOnce, type EnvoyResource, type MessageTypes, typed } from '../../../envoy-api/index.ts';
import type { FrontendAddress } from '../../model/frontend.ts';
import type { PathHandling } from '../../model/judgement.ts';
import type { ListenerModel } from '../../model/waypoint.ts';
import { filterState, mainInternal, scopeHeaders, scopeKeys } from '../names.ts';
import { closedChain } from '../routes/filter-chain.ts';
import { renderRequestLog, requestMetrics } from './access-log.ts';
import { renderExtension } from './extension.ts';
import { renderScopedRoutes, writeScopeHeader } from './scopes.ts';

type Manager = MessageTypes['envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'];
type HttpFilter = MessageTypes['envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter'];
type PathOptions = Pick<Manager, 'normalize_path' | 'merge_slashes' | 'path_with_escaped_slashes_action'>;

export const managerType = 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';

/** The last filter of every connection manager. */
export const router: HttpFilter = encodeOnce({
  name: 'envoy.filters.http.router',
  typed_config: typed('envoy.extensions.filters.http.router.v3.Router', {}),
});

/** The treatment of a request before its routes are known. */
interface ManagerOptions {
  readonly paths: PathHandling;
  /** Envoy would connect to a port in the Host, which the client must not choose. */
  readonly stripsPort: boolean;
}

const kept = { mergeSlashes: false, escapedSlashes: 'keep' } as const;
const pathHandlings: readonly PathHandling[] = [
  { normalize: false, ...kept },
  { normalize: true, ...kept },
  { normalize: true, mergeSlashes: true, escapedSlashes: 'keep' },
  { normalize: true, mergeSlashes: true, escapedSlashes: 'decode' },
];

const managers: ReadonlyMap<string, ManagerOptions> = new Map(
  [false, true].flatMap((stripsPort) =>
    pathHandlings.map((paths) => [nameManager({ paths, stripsPort }), { paths, stripsPort }] as const),
  ),
);

/** The names of all managers, and of their chains. */
export const managerNames: readonly string[] = [...managers.keys()];

/** The name of the manager for a frontend. */
export function formatManager({ paths, forwardPort }: Pick<FrontendAddress, 'paths' | 'forwardPort'>): string {
  return nameManager({ paths, stripsPort: forwardPort !== undefined });
}

function nameManager({ paths: { normalize, mergeSlashes, escapedSlashes }, stripsPort }: ManagerOptions): string {
  const steps = [
    ...(normalize ? ['normalize'] : []),
    ...(mergeSlashes ? ['merge-slashes'] : []),
    ...(escapedSlashes === 'decode' ? ['decode-slashes'] : []),
    ...(stripsPort ? ['strip-port'] : []),
  ];
  return `http|${steps.join(',')}`;
}

/** All of them; `nameExtension` gives the name of each as a resource. */
export function renderManagers(
  { accessLog }: Pick<ListenerModel, 'accessLog'>,
  nameExtension: (manager: string) => string,
): readonly EnvoyResource[] {
  const log = accessLog === 'none' ? noLog : accessLog;
  const known = rendered.get(log) ?? renderAll(accessLog);
  rendered.set(log, known);
  return [...known].map(([name, manager]) => renderExtension(nameExtension(name), manager));
}

/** Managers by the access log: all waypoints have the same. */
const rendered = new WeakMap<object, ReadonlyMap<string, Any>>();
const noLog = {};

function renderAll(accessLog: ListenerModel['accessLog']): ReadonlyMap<string, Any> {
  return new Map(
    [...managers].map(([name, options]) => [name, encodeOnce(typed(managerType, renderManager(options, accessLog)))]),
  );
}

function renderManager({ paths, stripsPort }: ManagerOptions, accessLog: ListenerModel['accessLog']): Manager {
  return {
    stat_prefix: mainInternal,
    server_name: 'istio-envoy',
    early_header_mutation_extensions: [
      writeScopeHeader(scopeHeaders.frontend, `${scopeKeys.request}%FILTER_STATE(${filterState.frontend}:PLAIN)%`),
    ],
    scoped_routes: renderScopedRoutes('requests', scopeHeaders.frontend),
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
    ...(stripsPort ? { strip_any_host_port: true } : {}),
    access_log: [...renderRequestLog(accessLog), requestMetrics],
    http_filters: [closedChain, router],
  };
}

function renderPaths({ normalize, mergeSlashes, escapedSlashes }: PathHandling): PathOptions {
  return {
    normalize_path: normalize,
    ...(mergeSlashes ? { merge_slashes: true } : {}),
    path_with_escaped_slashes_action: escapedSlashes === 'decode' ? 'UNESCAPE_AND_FORWARD' : 'KEEP_UNCHANGED',
  };
}
