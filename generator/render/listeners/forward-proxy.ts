// The HTTP filters of a wildcard service whose requests name their own destination: the name comes
// from the Host, the port never does.

import { type MessageTypes, typed } from '../../../envoy-api/index.ts';
import { renderDnsCache } from '../clusters/discovery.ts';

type HttpFilter = MessageTypes['envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter'];

/**
 * The filters that resolve the Host's name, before the router. `port` is the port of every
 * destination.
 */
export function renderForwardProxyFilters(host: string, port: number): readonly HttpFilter[] {
  return [
    {
      name: 'cairn.destination_port',
      typed_config: typed('envoy.extensions.filters.http.set_filter_state.v3.Config', {
        on_request_headers: [
          {
            object_key: 'envoy.upstream.dynamic_port',
            format_string: { text_format_source: { inline_string: String(port) } },
          },
        ],
      }),
    },
    {
      name: 'envoy.filters.http.dynamic_forward_proxy',
      typed_config: typed('envoy.extensions.filters.http.dynamic_forward_proxy.v3.FilterConfig', {
        dns_cache_config: renderDnsCache(host),
        allow_dynamic_host_from_filter_state: true,
      }),
    },
  ];
}
