// A waypoint's configuration in the parts that change together. Each part is a pure function of the
// configuration, and its reads are its dependencies. Full translation runs all parts; the
// incremental generator runs only dirty ones.

import { type EnvoyResource, typeUrls } from '../envoy-api/index.ts';
import type { ObjectRef } from '../mesh/index.ts';
import type { ClusterKey } from './model/cluster.ts';
import type { HttpRoute } from './model/http-route.ts';
import type { TcpRoute } from './model/tcp-route.ts';
import type { Frontend, ServedAddress } from './model/frontend.ts';
import type { Backend, ListenerModel } from './model/waypoint.ts';
import { renderBackend } from './render/clusters/discovery.ts';
import { renderTunnelEndTimer } from './render/tunnel-end.ts';
import { renderAuthorities } from './render/listeners/authorities.ts';
import {
  renderConnectOriginate,
  renderConnectOriginateCluster,
  renderInternalClusters,
} from './render/listeners/connect-originate.ts';
import { renderFrontendTunnels } from './render/listeners/connect-routes.ts';
import { renderConnectManager, renderConnectTerminate } from './render/listeners/connect-terminate.ts';
import { renderDirectResources } from './render/listeners/direct.ts';
import { renderManagers } from './render/listeners/http-manager.ts';
import { nameManagerExtension, renderInternalListeners, renderTcpProxy } from './render/listeners/main-internal.ts';
import { renderRequestScope, renderTunnelScopes } from './render/listeners/scopes.ts';
import { formatConnectName, formatRoutesName } from './render/names.ts';
import { renderRouteConfiguration } from './render/routes/route-configuration.ts';
import { resolveBackends } from './resolve/backend/backend.ts';
import {
  findBackendService,
  findServedService,
  listCandidates,
  type ServiceObject,
} from './resolve/waypoint/served.ts';
import type { ResolveContext } from './resolve/context.ts';
import { resolveFrontend } from './resolve/frontend/frontend.ts';
import { resolveListeners } from './resolve/frontend/listeners.ts';
import { resolveServedPorts } from './resolve/frontend/served-ports.ts';
import type { ResolvedPort, ResolvedService } from './resolve/service/service.ts';
import type { GatewayKey } from './resolve/waypoint/gateway.ts';
import { resolveGateway } from './resolve/waypoint/gateway.ts';

/** A host and port: the key of frontends and backends. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/**
 * A backend that a waypoint needs: one of its own services, or a host that only its routes name.
 */
export interface BackendKey extends HostPort {
  readonly owned: boolean;
}

/** The listeners and fixed clusters of a waypoint. */
export interface ListenerPart {
  readonly resources: readonly EnvoyResource[];
  /** Those that workloads' routes name. */
  readonly backends: readonly BackendKey[];
}

/**
 * One frontend: the routes of its tunnels and of its requests, and the backends that these name.
 */
export interface FrontendPart {
  readonly resources: readonly EnvoyResource[];
  readonly backends: readonly BackendKey[];
}

/** The listeners of a waypoint; undefined when the Gateway is none. */
export function makeListenerPart(context: ResolveContext, key: GatewayKey): ListenerPart | undefined {
  const model = resolveListenerPart(context, key);
  if (model === undefined) return undefined;
  return { backends: backendsOfListeners(model), resources: renderListeners(model) };
}

/** The meaning of a waypoint's listeners; undefined when the Gateway is none. */
export function resolveListenerPart(context: ResolveContext, key: GatewayKey): ListenerModel | undefined {
  const gateway = resolveGateway(context.mesh, key);
  return gateway === undefined ? undefined : resolveListeners(context, gateway);
}

/** The listeners, filters and fixed clusters of a waypoint, and the resources of workloads. */
export function renderListeners(model: ListenerModel): readonly EnvoyResource[] {
  const { accessLog, direct, gateway, shared, trustDomains } = model;
  const timer = renderTunnelEndTimer();
  return [
    renderConnectTerminate(model),
    renderConnectManager(model),
    renderAuthorities(shared),
    ...renderInternalListeners(),
    ...renderManagers(model, nameManagerExtension),
    renderTcpProxy(accessLog),
    renderConnectOriginate(),
    ...renderInternalClusters(),
    renderConnectOriginateCluster(trustDomains),
    timer.listener,
    timer.cluster,
    ...(direct === undefined ? [] : renderDirectResources(direct, gateway)),
  ];
}

/** The objects that declare services of a waypoint. */
export function listServices({ mesh }: ResolveContext, key: GatewayKey): readonly ServiceObject[] {
  return resolveGateway(mesh, key) === undefined ? [] : listCandidates(mesh, key);
}

/** The service ports of one object that a waypoint serves. */
export function makeServicePart(context: ResolveContext, key: GatewayKey, ref: ObjectRef): readonly ServedAddress[] {
  const gateway = resolveGateway(context.mesh, key);
  const { namespace, name } = ref;
  const object =
    ref.kind === 'Service'
      ? context.mesh.get('Service', namespace, name)
      : context.mesh.get('ServiceEntry', namespace, name);
  return gateway === undefined || object === undefined ? [] : resolveServedPorts(context, gateway, object);
}

/** The scopes that lead the addresses of a frontend to it; `isOnDemand` if it is not rendered. */
export function renderAddresses(served: ServedAddress, isOnDemand = false): readonly EnvoyResource[] {
  return renderTunnelScopes(served, isOnDemand);
}

/** The backends that requests to workloads ask. */
export function backendsOfListeners({ direct }: ListenerModel): readonly BackendKey[] {
  return namedBackends(direct?.http.custom?.authorizer.cluster, [], []);
}

/**
 * One frontend of a waypoint; empty when the service or port is gone, or `isWanted` is false: then
 * only its Findings are of interest.
 */
export function makeFrontendPart(
  context: ResolveContext,
  key: GatewayKey,
  target: HostPort,
  isWanted = true,
): FrontendPart {
  const frontend = resolveFrontendPart(context, key, target);
  if (frontend === undefined || !isWanted) return { resources: [], backends: [] };
  return { resources: renderFrontend(frontend), backends: backendsOfFrontend(frontend) };
}

/**
 * The route configurations of a frontend, by which proxies ask for it: of its tunnels, and of its
 * requests if it has any.
 */
export function listFrontendRoutes({
  address: { host, port, protocol },
}: ServedAddress): readonly Pick<EnvoyResource, 'typeUrl' | 'name'>[] {
  const names = [formatConnectName(host, port), ...(protocol === 'tcp' ? [] : [formatRoutesName(host, port)])];
  return names.map((name) => ({ typeUrl: typeUrls.routeConfiguration, name }));
}

/** The meaning of one frontend; undefined when the service or port is gone. */
export function resolveFrontendPart(
  context: ResolveContext,
  key: GatewayKey,
  { host, port }: HostPort,
): Frontend | undefined {
  const gateway = resolveGateway(context.mesh, key);
  const service = findServedService(context.mesh, key, host);
  const servicePort = findServedPort(service, port);
  if (gateway === undefined || service === undefined || servicePort === undefined) return undefined;
  return resolveFrontend(context, gateway, service, servicePort);
}

/** The resources of a frontend: the routes of its tunnels, and of its requests with their scope. */
export function renderFrontend(frontend: Frontend): readonly EnvoyResource[] {
  const { http, address } = frontend;
  return [
    renderFrontendTunnels(frontend),
    ...(http === undefined
      ? []
      : [
          renderRequestScope(formatRoutesName(address.host, address.port)),
          renderRouteConfiguration({ ...frontend, http }),
        ]),
  ];
}

/** The backends that the routes of a frontend, and its authorizer, name. */
export function backendsOfFrontend({ http, tcp }: Frontend): readonly BackendKey[] {
  return namedBackends(http?.authorization.custom?.authorizer.cluster, http?.routes ?? [], tcp?.routes ?? []);
}

/**
 * The clusters and endpoints of a backend; none when the service or port is gone, or `isWanted` is
 * false.
 */
export function makeBackendPart(
  context: ResolveContext,
  key: GatewayKey,
  backend: BackendKey,
  isWanted = true,
): readonly EnvoyResource[] {
  const resolved = resolveBackendPart(context, key, backend);
  return isWanted ? resolved.flatMap(renderBackend) : [];
}

/** The meaning of a backend: the cluster of its port, and those of subsets. */
export function resolveBackendPart(
  context: ResolveContext,
  key: GatewayKey,
  { host, port, owned }: BackendKey,
): readonly Backend[] {
  const service = findBackendService(context.mesh, key, { host, owned });
  const servicePort = findServedPort(service, port);
  if (service === undefined || servicePort === undefined) return [];
  return resolveBackends(context, key, service, servicePort, owned);
}

/** A number can occur twice: for TCP, and for UDP, which no waypoint serves. */
function findServedPort(service: ResolvedService | undefined, port: number): ResolvedPort | undefined {
  return service?.ports.find(({ number, protocol }) => number === port && protocol !== 'udp');
}

function namedBackends(
  authorizer: ClusterKey | undefined,
  httpRoutes: readonly HttpRoute[],
  tcpRoutes: readonly TcpRoute[],
): readonly BackendKey[] {
  const found = new Map<string, BackendKey>();
  const add = (cluster: ClusterKey | undefined): void => {
    if (cluster === undefined) return;
    const { host, port, owned } = cluster;
    found.set(`${host}:${port} ${owned}`, { host, port, owned });
  };
  add(authorizer);
  for (const { action } of httpRoutes) {
    if (action.kind !== 'forward') continue;
    for (const { cluster } of action.destinations) add(cluster);
    for (const { cluster } of action.mirrors) add(cluster);
  }
  for (const { destinations } of tcpRoutes) for (const { cluster } of destinations) add(cluster);
  return [...found.values()];
}
