// The route configuration of one HTTP frontend: its routes, faults and policies, pushed by RDS when
// any of them changes.

import { type EnvoyResource, type MessageTypes, typeUrls } from '../../../envoy-api/index.ts';
import type { HttpRoute } from '../../model/http-route.ts';
import type { HttpFrontend } from '../../model/frontend.ts';
import { noAuthorization, renderAuthorization } from '../authorization.ts';
import { formatChainName } from '../names.ts';
import { renderAction } from './action.ts';
import { corsFilter, renderCors } from './cors.ts';
import { faultFilter, renderFault } from './fault.ts';
import { renderHeaderEdits } from './headers.ts';
import { renderRouteMatch } from './match.ts';
import { renderSession, sessionFilter } from './session.ts';

type Route = MessageTypes['envoy.config.route.v3.Route'];

/** Bytes of a direct response's body at most; Envoy's own limit is 4096. */
const maximumBodyBytes = 1024 * 1024;

/**
 * The RouteConfiguration of a frontend: one virtual host, or two if Hosts are distinguished, each
 * with the policy.
 */
export function renderRouteConfiguration(frontend: HttpFrontend): EnvoyResource {
  const name = formatChainName(frontend.host, frontend.port, 'http');
  const { typedPerFilterConfig, metadata } = renderAuthorization(frontend.authorization);
  const policy = {
    ...(metadata === undefined ? {} : { metadata }),
    ...(Object.keys(typedPerFilterConfig).length === 0 ? {} : { typed_per_filter_config: { ...typedPerFilterConfig } }),
  };
  const json: MessageTypes['envoy.config.route.v3.RouteConfiguration'] = {
    name,
    validate_clusters: false,
    max_direct_response_body_size_bytes: maximumBodyBytes,
    virtual_hosts: [
      ...(frontend.onlyHosts === undefined
        ? []
        : [
            { name: 'other-hosts', domains: ['*'], ...policy, routes: frontend.onlyHosts.otherRoutes.map(renderRoute) },
          ]),
      {
        name: `inbound|http|${frontend.port}`,
        domains: [frontend.onlyHosts?.wildcard ?? '*'],
        ...policy,
        routes: frontend.routes.map(renderRoute),
      },
    ],
  };
  return { typeUrl: typeUrls.routeConfiguration, name, json };
}

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
