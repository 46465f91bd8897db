// The route configuration of one HTTP frontend: its routes, faults and policies, pushed by RDS when
// any of them changes.

import { type EnvoyResource, type MessageTypes, typed, typeUrls } from '../../../envoy-api/index.ts';
import type { Frontend, HttpFrontend } from '../../model/frontend.ts';
import type { HttpRoute } from '../../model/http-route.ts';
import { listAllowPolicies, noAuthorization } from '../authorization.ts';
import { describeService } from '../listeners/access-log.ts';
import { renderForwardProxyFilters } from '../listeners/forward-proxy.ts';
import { formatRoutesName, scopeHeaders } from '../names.ts';
import { renderAction } from './action.ts';
import { corsFilter, renderCors } from './cors.ts';
import { faultFilter, renderFault } from './fault.ts';
import { type Judged, renderFilterChain } from './filter-chain.ts';
import { renderHeaderEdits } from './headers.ts';
import { renderRouteMatch } from './match.ts';
import { renderSession, sessionFilter } from './session.ts';

type Route = MessageTypes['envoy.config.route.v3.Route'];
type VirtualHost = MessageTypes['envoy.config.route.v3.VirtualHost'];

/** Bytes of a direct response's body at most; Envoy's own limit is 4096. */
const maximumBodyBytes = 1024 * 1024;

/** A service port with HTTP. */
type HttpPart = Frontend & { readonly http: HttpFrontend };

/**
 * The RouteConfiguration of a frontend: one virtual host, or two if Hosts are distinguished, each
 * with the filters that judge its requests.
 */
export function renderRouteConfiguration({ http, address, service }: HttpPart): EnvoyResource {
  const { authorization, authentication, onlyHosts } = http;
  const { host, port, forwardPort, protocol } = address;
  const render = (name: string, domain: string, routes: readonly HttpRoute[]): VirtualHost => ({
    name,
    domains: [domain],
    metadata: {
      filter_metadata: { cairn: { ...describeService({ host, ...service }), ...listAllowPolicies(authorization) } },
    },
    typed_per_filter_config: {
      ...renderFilterChain({
        authorization,
        authentication,
        has: findFeatures(routes),
        first: protocol === 'grpc-web' ? [grpcWeb] : [],
        last: forwardPort === undefined ? [] : renderForwardProxyFilters(host, forwardPort),
      }),
    },
    routes: routes.map(renderRoute),
  });
  return renderRoutes(formatRoutesName(host, port), [
    ...(onlyHosts === undefined ? [] : [render('other-hosts', '*', onlyHosts.otherRoutes)]),
    render(`inbound|http|${port}`, onlyHosts?.wildcard ?? '*', http.routes),
  ]);
}

/** A route configuration of requests. */
export function renderRoutes(name: string, virtualHosts: readonly VirtualHost[]): EnvoyResource {
  const json: MessageTypes['envoy.config.route.v3.RouteConfiguration'] = {
    name,
    validate_clusters: false,
    max_direct_response_body_size_bytes: maximumBodyBytes,
    request_headers_to_remove: [scopeHeaders.frontend],
    virtual_hosts: virtualHosts,
  };
  return { typeUrl: typeUrls.routeConfiguration, name, json };
}

/** The filters that some route needs. */
export function findFeatures(routes: readonly Pick<HttpRoute, 'fault' | 'cors' | 'session'>[]): Judged['has'] {
  const has = (key: 'fault' | 'cors' | 'session'): boolean => routes.some((route) => route[key] !== undefined);
  return { fault: has('fault'), cors: has('cors'), session: has('session') };
}

/** Turns what browsers send into gRPC, and the answers back. */
const grpcWeb = {
  name: 'envoy.filters.http.grpc_web',
  typed_config: typed('envoy.extensions.filters.http.grpc_web.v3.GrpcWeb', {}),
};

/** A route of a frontend. */
export function renderRoute(route: HttpRoute): Route {
  const perFilter = {
    ...(route.isUnjudged === true ? noAuthorization : {}),
    ...(route.cors === undefined ? {} : { [corsFilter]: renderCors(route.cors) }),
    ...(route.fault === undefined ? {} : { [faultFilter]: renderFault(route.fault) }),
    ...(route.session === undefined ? {} : { [sessionFilter]: renderSession(route.session) }),
  };
  return {
    name: route.name,
    match: renderRouteMatch(route.match),
    ...(route.origin === undefined
      ? {}
      : {
          metadata: {
            filter_metadata: {
              cairn: { origin: `${route.origin.kind} ${route.origin.namespace}/${route.origin.name}` },
            },
          },
        }),
    ...renderAction(route.action),
    ...renderHeaderEdits(route.requestHeaders, route.responseHeaders),
    ...(Object.keys(perFilter).length === 0 ? {} : { typed_per_filter_config: perFilter }),
  };
}
