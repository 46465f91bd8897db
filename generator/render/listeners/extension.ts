// Filters whose configuration comes by ECDS: the chain holds a name, so that a listener stays small
// and an edit does not touch it.

import { createHash } from 'node:crypto';
import { type Any, encodeOnce, type EnvoyResource, type MessageTypes, typeUrls } from '../../../envoy-api/index.ts';
import { aggregatedSource } from '../tls.ts';

type Filter = MessageTypes['envoy.config.listener.v3.Filter'];

type Discovery = NonNullable<Filter['config_discovery']>;

/**
 * The source of a filter's configuration, which must be one of these messages. It is made once, and
 * used in many chains.
 */
export function makeDiscovery(...types: readonly (keyof MessageTypes)[]): Discovery {
  return encodeOnce({
    config_source: aggregatedSource,
    type_urls: types.map((type) => `type.googleapis.com/${type}`),
  });
}

/**
 * The name of a connection manager that comes by ECDS, with a hash of the listeners that it is in.
 * Envoy 1.40 crashes on the update of a manager in a chain of an older version of its listener: the
 * manager adds its routes to the init manager of that version, which is freed. With this name the
 * manager of an older version is not updated, and it drains.
 */
export function nameManager(name: string, listeners: unknown): string {
  return `${name}|${createHash('sha256').update(JSON.stringify(listeners)).digest('hex').slice(0, 8)}`;
}

/** The extension configuration of a filter. */
export function renderExtension(name: string, config: Any): EnvoyResource {
  const json: MessageTypes['envoy.config.core.v3.TypedExtensionConfig'] = { name, typed_config: config };
  return { typeUrl: typeUrls.extensionConfig, name, json };
}
