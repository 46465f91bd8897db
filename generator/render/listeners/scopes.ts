// Scopes: which route configuration a connection manager takes, by a header that it writes itself.
// One scope is a small resource of its own, so that a service that comes or goes touches no other.

import { type Any, type EnvoyResource, type MessageTypes, typed, typeUrls } from '../../../envoy-api/index.ts';
import { formatHostPort } from '../../../mesh/index.ts';
import type { ServedAddress } from '../../model/frontend.ts';
import { connectWorkloads, formatConnectName, scopeKeys } from '../names.ts';
import { aggregatedSource } from '../tls.ts';

type ScopedRoutes = MessageTypes['envoy.extensions.filters.network.http_connection_manager.v3.ScopedRoutes'];

/**
 * The scopes of a connection manager. All managers of a proxy share one subscription, so that each
 * has keys with a beginning of its own.
 */
export function renderScopedRoutes(name: string, header: string): ScopedRoutes {
  return {
    name,
    scope_key_builder: { fragments: [{ header_value_extractor: { name: header, element_separator: '', index: 0 } }] },
    rds_config_source: aggregatedSource,
    scoped_rds: { scoped_rds_config_source: aggregatedSource },
  };
}

/**
 * Writes the header of a manager in place of the client's, before anything else reads the request.
 */
export function writeScopeHeader(header: string, value: string): { readonly name: string; readonly typed_config: Any } {
  return {
    name: header,
    typed_config: typed('envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation', {
      mutations: [{ append: { header: { key: header, value }, append_action: 'OVERWRITE_IF_EXISTS_OR_ADD' } }],
    }),
  };
}

/** The scope of the requests that a tunnel names the route configuration for. */
export function renderRequestScope(routes: string): EnvoyResource {
  return renderScope(routes, `${scopeKeys.request}${routes}`, { route_configuration_name: routes });
}

/**
 * The scopes of the tunnels to a frontend: one for each single address. Envoy asks for their routes
 * at once, or with `isOnDemand` when the first tunnel needs them; in both cases a tunnel waits
 * until they are there.
 */
export function renderTunnelScopes(
  { address: { host, port, addresses } }: ServedAddress,
  isOnDemand: boolean,
): readonly EnvoyResource[] {
  const routes = formatConnectName(host, port);
  return [
    ...addresses
      .filter((address) => !address.includes('/'))
      .map((address) => renderTunnelScope(formatHostPort(address, port), scopeKeys.authority, routes, isOnDemand)),
    ...(addresses.some((address) => address.includes('/')) ? [renderNamedScope(routes, isOnDemand)] : []),
  ];
}

/** The scope of the tunnels to workloads. */
export function renderWorkloadScope(): EnvoyResource {
  return renderNamedScope(connectWorkloads, false);
}

/** The scope of tunnels whose authorities are too many for one each: see `authorities.ts`. */
function renderNamedScope(routes: string, isOnDemand: boolean): EnvoyResource {
  return renderTunnelScope(routes, scopeKeys.named, routes, isOnDemand);
}

function renderTunnelScope(place: string, beginning: string, routes: string, isOnDemand: boolean): EnvoyResource {
  return renderScope(`connect|${place}`, `${beginning}${place}`, {
    ...(isOnDemand ? { on_demand: true } : {}),
    route_configuration_name: routes,
  });
}

function renderScope(
  name: string,
  key: string,
  routes: Pick<
    MessageTypes['envoy.config.route.v3.ScopedRouteConfiguration'],
    'on_demand' | 'route_configuration_name'
  >,
): EnvoyResource {
  return { typeUrl: typeUrls.scopedRoute, name, json: { name, ...routes, key: { fragments: [{ string_key: key }] } } };
}
