// HTTP/2 of tunnels, the same on all of their ends.

import type { MessageTypes } from '../../envoy-api/index.ts';

/**
 * The bytes that one tunnel may have in flight in each direction: the flow-control window that an
 * end grants, and its buffer for a peer that does not read. It bounds memory, and one upload over
 * 10 ms of delay to 200 MB/s.
 */
export const tunnelWindow = 2_097_152;

/** Tunnels on one connection: ztunnel's maximum. */
const maxTunnels = 100;

/**
 * A dead peer is noticed within 30 s. The connection's own window has room for all of its tunnels:
 * with less, a few clients that do not read would hold back the answers of the others.
 */
export const tunnelHttp2Options: MessageTypes['envoy.config.core.v3.Http2ProtocolOptions'] = {
  allow_connect: true,
  max_concurrent_streams: maxTunnels,
  initial_stream_window_size: tunnelWindow,
  initial_connection_window_size: maxTunnels * tunnelWindow,
  connection_keepalive: { interval: '10s', timeout: '20s' },
};
