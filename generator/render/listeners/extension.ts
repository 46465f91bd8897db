// Filters whose configuration comes by ECDS: the chain holds a name, so that a listener stays small
// and an edit does not touch it.

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

/** The extension configuration of a filter. */
export function renderExtension(name: string, config: Any): EnvoyResource {
  const json: MessageTypes['envoy.config.core.v3.TypedExtensionConfig'] = { name, typed_config: config };
  return { typeUrl: typeUrls.extensionConfig, name, json };
}
