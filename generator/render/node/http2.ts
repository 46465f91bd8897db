// HTTP/2 of tunnels, the same on both of their ends.

import type { MessageTypes } from '../../../envoy-api/index.ts';

/** A hundred tunnels on one connection, windows that bound memory, and a dead peer noticed within 30 s. */
export const tunnelHttp2Options: MessageTypes['envoy.config.core.v3.Http2ProtocolOptions'] = {
  allow_connect: true,
  max_concurrent_streams: 100,
  initial_stream_window_size: 4_194_304,
  initial_connection_window_size: 16_777_216,
  connection_keepalive: { interval: '10s', timeout: '20s' },
};
