// The end of a tunnel whose server ends first. Envoy resets a CONNECT stream as soon as its server
// has ended, and discards the bytes that the client's flow-control window held back. So the filter
// holds the end back until the client can have read everything before it.

import { type EnvoyResource, type MessageTypes, typed, typeUrls } from '../../envoy-api/index.ts';
import { noLimits } from './clusters/connections.ts';
import { tunnelWindow } from './tunnel-http2.ts';

type HttpFilter = MessageTypes['envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter'];

/**
 * The internal listener that answers after a delay, and the cluster that leads to it: Lua's only
 * way to wait.
 */
const timer = 'tunnel_end_timer';

/**
 * The lowest read rate that a client is expected to have, in bytes per millisecond, as long as
 * nothing shows that it is slower.
 */
const readRate = 1000;
/** HTTP/2's smallest initial window: a client takes this much without reading any of it. */
const freeBytes = 65_535;
/**
 * A longer pause is the server's, and an end is never held back for longer than three of them, in
 * milliseconds.
 */
const longestPause = 10_000;

/**
 * Holds the end of an answer back for as long as the client may need to read what is buffered for
 * it. `pending` is an upper bound of that: it grows with the bytes sent, up to the buffer's limit,
 * and shrinks at the rate of a client that reads. If the server waited for the client while the
 * buffer was full, the client is as slow as the longest such pause shows. It needs twice that to
 * read all of the buffer, and gets four times.
 */
const script = `
local limit, rate, free, longest = ${tunnelWindow}, ${readRate}, ${freeBytes}, ${longestPause}

function envoy_on_response(handle)
  local sent, pending, last = 0, 0, handle:timestamp()
  local part, pause, pause_before = 0, 0, 0
  for chunk in handle:bodyChunks() do
    local size = chunk:length()
    if size > 0 then
      local now = handle:timestamp()
      local gap = now - last
      if size >= 16384 and pending >= limit / 2 and gap > pause and gap <= longest then pause = gap end
      pending = math.min(limit, math.max(0, pending - gap * rate) + size)
      sent, part, last = sent + size, part + size, now
      if part > 2 * limit then part, pause, pause_before = 0, 0, pause end
    end
  end
  if sent <= free then return end
  local needed = pending / rate + 8 * math.max(pause, pause_before)
  local left = math.floor(last + math.min(3 * longest, needed) - handle:timestamp())
  if left <= 0 then return end
  local headers = { [":method"] = "GET", [":path"] = "/", [":authority"] = "${timer}" }
  headers["x-envoy-fault-delay-request"] = tostring(left)
  handle:httpCall("${timer}", headers, nil, left + 1000, false)
end
`;

/** The filter, for connection managers that end tunnels. */
export const holdTunnelEnd: HttpFilter = {
  name: 'cairn.tunnel_end',
  typed_config: typed('envoy.extensions.filters.http.lua.v3.Lua', { default_source_code: { inline_string: script } }),
};

/**
 * For clusters behind the end of a tunnel: one read takes one slice, so that an end never arrives
 * together with bytes, which would be held back with it.
 */
export const endApart = { per_connection_buffer_limit_bytes: 1 } as const;

/** The resources with which the filter waits. */
export function renderTunnelEndTimer(): { readonly listener: EnvoyResource; readonly cluster: EnvoyResource } {
  const listener: MessageTypes['envoy.config.listener.v3.Listener'] = {
    name: timer,
    internal_listener: {},
    filter_chains: [
      {
        filters: [
          {
            name: 'envoy.filters.network.http_connection_manager',
            typed_config: typed('envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
              stat_prefix: timer,
              generate_request_id: false,
              route_config: {
                name: timer,
                virtual_hosts: [
                  {
                    name: timer,
                    domains: ['*'],
                    routes: [{ match: { prefix: '/' }, direct_response: { status: 204 } }],
                  },
                ],
              },
              http_filters: [
                {
                  name: 'envoy.filters.http.fault',
                  typed_config: typed('envoy.extensions.filters.http.fault.v3.HTTPFault', {
                    delay: { header_delay: {}, percentage: { numerator: 100 } },
                  }),
                },
                {
                  name: 'envoy.filters.http.router',
                  typed_config: typed('envoy.extensions.filters.http.router.v3.Router', {}),
                },
              ],
            }),
          },
        ],
      },
    ],
  };
  const cluster: MessageTypes['envoy.config.cluster.v3.Cluster'] = {
    name: timer,
    type: 'STATIC',
    connect_timeout: '10s',
    circuit_breakers: noLimits,
    load_assignment: {
      cluster_name: timer,
      endpoints: [
        { lb_endpoints: [{ endpoint: { address: { envoy_internal_address: { server_listener_name: timer } } } }] },
      ],
    },
  };
  return {
    listener: { typeUrl: typeUrls.listener, name: timer, json: listener },
    cluster: { typeUrl: typeUrls.cluster, name: timer, json: cluster },
  };
}
