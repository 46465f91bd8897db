// Filters whose configuration comes by ECDS: the chain holds a name, so that a listener stays small and an edit leaves it alone.

import { type Any, type EnvoyResource, type MessageTypes, typeUrls } from '../../../envoy-api/index.ts';
import { aggregatedSource } from '../tls.ts';

type Filter = MessageTypes['envoy.config.listener.v3.Filter'];

/** A network filter that takes the extension configuration of its own name; `type` is the message that it must be. */
export function renderDiscovered(name: string, type: string): Filter {
  return { name, config_discovery: { config_source: aggregatedSource, type_urls: [`type.googleapis.com/${type}`] } };
}

/** The extension configuration of a filter. */
export function renderExtension(name: string, config: Any): EnvoyResource {
  const json: MessageTypes['envoy.config.core.v3.TypedExtensionConfig'] = { name, typed_config: config };
  return { typeUrl: typeUrls.extensionConfig, name, json };
}
