// The end of a tunnel whose server ends first, in Envoy, with and without the filter that holds the
// end back. The first test fails on an Envoy that loses nothing by itself:
// `generator/render/tunnel-end.ts` can go then.

import { connect as connectHttp2 } from 'node:http2';
import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { JsonObject } from '../../envoy-api/index.ts';
import { endApart, holdTunnelEnd, renderTunnelEndTimer } from '../../generator/render/tunnel-end.ts';
import { tunnelHttp2Options } from '../../generator/render/tunnel-http2.ts';
import { randomLoopback, startEnvoy } from '../support/envoy.ts';

const bytes = 3_000_000;
let server: Server;

beforeAll(async () => {
  server = createServer((socket) => {
    socket.on('error', () => {});
    socket.end(Buffer.alloc(bytes, 'x'));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});

afterAll(() => void server.close());

/**
 * Bytes that a client hears through a tunnel, which reads 64 kB every few milliseconds and grants
 * no more than 64 kB ahead.
 */
async function readThrough(filters: readonly JsonObject[]): Promise<number> {
  const address = randomLoopback();
  const port = 15_008;
  const { listener, cluster } = renderTunnelEndTimer();
  const envoy = await startEnvoy({
    config: makeConfig({ address, port }, filters, { listener: listener.json, cluster: cluster.json }),
  });
  const session = connectHttp2(`http://${address}:${port}`);
  try {
    const stream = session.request({ ':method': 'CONNECT', ':authority': 'server:1' });
    let heard = 0;
    stream.on('data', (chunk: Buffer) => {
      heard += chunk.length;
      stream.pause();
      setTimeout(() => stream.resume(), 4);
    });
    stream.on('error', () => {});
    stream.on('end', () => stream.end());
    await new Promise((resolve) => stream.once('close', resolve));
    return heard;
  } finally {
    session.destroy();
    await envoy.stop();
  }
}

function makeConfig(
  at: { readonly address: string; readonly port: number },
  filters: readonly JsonObject[],
  timer: { readonly listener: JsonObject; readonly cluster: JsonObject },
): JsonObject {
  const type = (name: string): JsonObject => ({ '@type': `type.googleapis.com/envoy.extensions.filters.${name}` });
  return {
    bootstrap_extensions: [
      {
        name: 'envoy.bootstrap.internal_listener',
        typed_config: {
          '@type': 'type.googleapis.com/envoy.extensions.bootstrap.internal_listener.v3.InternalListener',
        },
      },
    ],
    static_resources: {
      listeners: [
        timer.listener,
        {
          name: 'tunnels',
          address: { socket_address: { address: at.address, port_value: at.port } },
          filter_chains: [
            {
              filters: [
                {
                  name: 'manager',
                  typed_config: {
                    ...type('network.http_connection_manager.v3.HttpConnectionManager'),
                    stat_prefix: 'tunnels',
                    codec_type: 'HTTP2',
                    http2_protocol_options: tunnelHttp2Options,
                    upgrade_configs: [{ upgrade_type: 'CONNECT' }],
                    http_filters: [...filters, { name: 'router', typed_config: type('http.router.v3.Router') }],
                    route_config: {
                      virtual_hosts: [
                        {
                          name: 'server',
                          domains: ['*'],
                          routes: [
                            {
                              match: { connect_matcher: {} },
                              route: {
                                cluster: 'server',
                                upgrade_configs: [{ upgrade_type: 'CONNECT', connect_config: {} }],
                              },
                            },
                          ],
                        },
                      ],
                    },
                  },
                },
              ],
            },
          ],
        },
      ],
      clusters: [
        timer.cluster,
        {
          name: 'server',
          type: 'STATIC',
          ...endApart,
          load_assignment: {
            cluster_name: 'server',
            endpoints: [
              {
                lb_endpoints: [
                  {
                    endpoint: {
                      address: {
                        socket_address: { address: '127.0.0.1', port_value: (server.address() as AddressInfo).port },
                      },
                    },
                  },
                ],
              },
            ],
          },
        },
      ],
    },
  };
}

it('of Envoy itself loses what the client has not read', async () => {
  expect(await readThrough([])).toBeLessThan(bytes);
}, 30_000);

it('that is held back loses nothing', async () => {
  expect(await readThrough([holdTunnelEnd as JsonObject])).toBe(bytes);
}, 30_000);
