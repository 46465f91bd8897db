// Envoy resources as plain data: the JSON form that goldens, config_dump, the documentation and the
// bootstrap share.

import type { MessageTypes } from './generated/messages.ts';
import type { Any, JsonObject } from './json.ts';

const prefix = 'type.googleapis.com/';

/** The type URLs of the resources that Envoy subscribes to. */
export const typeUrls = {
  listener: 'type.googleapis.com/envoy.config.listener.v3.Listener',
  cluster: 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
  routeConfiguration: 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration',
  scopedRoute: 'type.googleapis.com/envoy.config.route.v3.ScopedRouteConfiguration',
  clusterLoadAssignment: 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment',
  secret: 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret',
  extensionConfig: 'type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig',
} as const;

/** One of the type URLs in `typeUrls`. */
export type TypeUrl = (typeof typeUrls)[keyof typeof typeUrls];

/**
 * One resource before encoding; `json` is ProtoJSON with snake_case names and holds the name again
 * where the message has one.
 */
export interface EnvoyResource {
  readonly typeUrl: TypeUrl;
  readonly name: string;
  readonly json: JsonObject;
}

/**
 * Wraps a message for a field of type Any; the compiler checks the fields against the named
 * message.
 */
export function typed<K extends keyof MessageTypes>(name: K, value: MessageTypes[K]): Any {
  return { '@type': prefix + name, ...value };
}

/** The full proto name in a type URL: what follows the last slash. */
export function typeNameOf(typeUrl: string): string {
  return typeUrl.slice(typeUrl.lastIndexOf('/') + 1);
}
