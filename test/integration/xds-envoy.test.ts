// Our delta ADS at a real Envoy: it takes everything, follows a change, refuses a bad resource by
// itself, and comes back.

import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import { ServerCredentials } from '@grpc/grpc-js';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type EncodedResource, encodeResource, type JsonObject, typeUrls } from '../../envoy-api/index.ts';
import { type ProxyTypeStatus, SnapshotCache, XdsServer } from '../../xds/index.ts';
import { type RunningEnvoy, socketAddress, startEnvoy } from '../support/envoy.ts';
import { freePort } from '../support/loopback.ts';
import { waitFor } from '../support/wait.ts';

const host = '127.0.0.1';
const key = 'waypoint';
let cache: SnapshotCache;
let server: XdsServer;
let address: string;
let envoy: RunningEnvoy | undefined;
let application: Server;
let applicationPort: number;
let listenerPort: number;
let logged: string[];

beforeEach(async () => {
  application = createServer((_request, response) => response.end('hello')).listen(0, host);
  await once(application, 'listening');
  const bound = application.address();
  applicationPort = typeof bound === 'object' && bound !== null ? bound.port : 0;
  listenerPort = await freePort();
  cache = new SnapshotCache();
  logged = [];
  address = await serve(`${host}:0`);
});
afterEach(async () => {
  await envoy?.stop();
  envoy = undefined;
  await server.stop();
  application.closeAllConnections();
  application.close();
});

async function serve(at: string): Promise<string> {
  server = new XdsServer({ cache, authorize: () => ({ key }), log: (_level, message) => logged.push(message) });
  return server.start(at, ServerCredentials.createInsecure());
}

function start(): Promise<RunningEnvoy> {
  const port = Number(address.split(':')[1]);
  const ads = { ads: {}, resource_api_version: 'V3' };
  return startEnvoy({
    config: {
      node: { id: 'waypoint.default', cluster: 'default', metadata: { NAMESPACE: 'default' } },
      dynamic_resources: {
        ads_config: {
          api_type: 'DELTA_GRPC',
          transport_api_version: 'V3',
          grpc_services: [{ envoy_grpc: { cluster_name: 'xds' } }],
        },
        cds_config: ads,
        lds_config: ads,
      },
      static_resources: {
        clusters: [
          {
            name: 'xds',
            connect_timeout: '1s',
            typed_extension_protocol_options: {
              'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
                '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
                explicit_http_config: { http2_protocol_options: {} },
              },
            },
            load_assignment: endpointsJson('xds', port),
          },
        ],
      },
    },
  });
}

function endpointsJson(name: string, port: number): JsonObject {
  return {
    cluster_name: name,
    endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress({ address: host, port }) } }] }],
  };
}

function cluster(name: string, timeout = '1s'): EncodedResource {
  const eds_config = { ads: {}, resource_api_version: 'V3' };
  return encodeResource({
    typeUrl: typeUrls.cluster,
    name,
    json: { name, type: 'EDS', connect_timeout: timeout, eds_cluster_config: { eds_config } },
  });
}

function endpoints(name: string): EncodedResource {
  return encodeResource({ typeUrl: typeUrls.clusterLoadAssignment, name, json: endpointsJson(name, applicationPort) });
}

function routes(name: string, target: string, header: string): EncodedResource {
  const route = {
    match: { prefix: '/' },
    route: { cluster: target },
    response_headers_to_add: [{ header: { key: 'x-route', value: header } }],
  };
  const virtual_hosts = [{ name: 'all', domains: ['*'], routes: [route] }];
  return encodeResource({ typeUrl: typeUrls.routeConfiguration, name, json: { name, virtual_hosts } });
}

function listener(name: string, port: number, routeConfig: JsonObject): EncodedResource {
  const type = 'type.googleapis.com/envoy.extensions.filters';
  const connectionManager = {
    '@type': `${type}.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: name,
    http_filters: [{ name: 'envoy.filters.http.router', typed_config: { '@type': `${type}.http.router.v3.Router` } }],
    ...routeConfig,
  };
  return encodeResource({
    typeUrl: typeUrls.listener,
    name,
    json: {
      name,
      address: socketAddress({ address: host, port }),
      filter_chains: [
        { filters: [{ name: 'envoy.filters.network.http_connection_manager', typed_config: connectionManager }] },
      ],
    },
  });
}

function byRds(name: string): JsonObject {
  return { rds: { route_config_name: name, config_source: { ads: {}, resource_api_version: 'V3' } } };
}

function badRoutes(): JsonObject {
  const match = { safe_regex: { regex: '(' } };
  const route = { match, direct_response: { status: 200 } };
  return { route_config: { name: 'bad', virtual_hosts: [{ name: 'all', domains: ['*'], routes: [route] }] } };
}

function everything(): EncodedResource[] {
  return [listener('main', listenerPort, byRds('main')), routes('main', 'a', 'v1'), cluster('a'), endpoints('a')];
}

async function routeHeader(): Promise<string> {
  const response = await fetch(`http://${host}:${listenerPort}/`, { headers: { connection: 'close' } });
  await response.text();
  return `${response.status} ${response.headers.get('x-route')}`;
}

function type(typeUrl: string): ProxyTypeStatus | undefined {
  return server.status()[0]?.types[typeUrl];
}

async function synced(): Promise<void> {
  await waitFor(() => server.status()[0]?.state === 'SYNCED', { what: 'synced' });
}

it('takes listeners, routes, clusters and endpoints, and follows a change of routes at once', async () => {
  cache.set(key, everything());
  envoy = await start();
  expect(await routeHeader()).toBe('200 v1');
  await synced();
  expect(server.status()[0]?.node).toMatchObject({ id: 'waypoint.default', metadata: { NAMESPACE: 'default' } });
  const listenerPushes = type(typeUrls.listener)?.pushes;
  cache.apply(key, { upserts: [routes('main', 'a', 'v2')], removals: [] });
  await waitFor(async () => (await routeHeader()) === '200 v2', { what: 'v2', timeout: 2_000 });
  await synced();
  expect(type(typeUrls.listener)?.pushes).toBe(listenerPushes);
  expect(type(typeUrls.routeConfiguration)).toMatchObject({ pushes: 2, acked: 1, subscribed: 1 });
});

it('gets endpoints again for a changed cluster, so that it does not warm until the time-out', async () => {
  cache.set(key, everything());
  envoy = await start();
  await synced();
  cache.apply(key, { upserts: [cluster('a', '2s')], removals: [] });
  const active = async (): Promise<boolean> => {
    const dump = (await envoy?.adminGet('/config_dump?resource=dynamic_active_clusters')) ?? '';
    return dump.includes('"connect_timeout": "2s"');
  };
  await waitFor(active, { what: 'the new cluster is active', timeout: 2_000 });
  expect(await routeHeader()).toBe('200 v1');
});

it('serves without a gap while every request moves from one cluster to a new one', async () => {
  cache.set(key, everything());
  envoy = await start();
  await synced();
  const seen: string[] = [];
  const stop = new AbortController();
  const load = (async () => {
    while (!stop.signal.aborted) seen.push(await routeHeader());
  })();
  for (const name of ['b', 'c', 'd', 'e', 'f']) {
    const main = listener('main', listenerPort, byRds('main'));
    cache.set(key, [main, routes('main', name, name), cluster(name), endpoints(name)]);
    await waitFor(() => seen.at(-1) === `200 ${name}`, { what: name, timeout: 3_000 });
    await synced();
  }
  stop.abort();
  await load;
  expect(seen.filter((line) => !line.startsWith('200 '))).toEqual([]);
  expect(logged).not.toContain('proxy does not answer; sending out of order');
  await waitFor(async () => !/^a::/mu.test((await envoy?.adminGet('/clusters')) ?? 'a::'), {
    what: 'old clusters are gone',
  });
});

it('refuses a bad listener in its own words, and takes what came with it', async () => {
  const otherPort = await freePort();
  const bad = listener('bad', await freePort(), badRoutes());
  const other = listener('other', otherPort, byRds('main'));
  cache.set(key, [bad, ...everything(), other]);
  envoy = await start();
  await waitFor(() => server.status()[0]?.state === 'REJECTED', { what: 'refused' });
  await waitFor(() => type(typeUrls.listener)?.pending === 0, { what: 'tried one by one' });
  expect(type(typeUrls.listener)).toMatchObject({ acked: 2, rejected: ['bad'], lastNack: { resources: ['bad'] } });
  expect(type(typeUrls.listener)?.lastNack?.message).toContain('missing )');
  expect(await routeHeader()).toBe('200 v1');
  cache.apply(key, { upserts: [routes('main', 'a', 'v2')], removals: [] });
  await waitFor(async () => (await routeHeader()) === '200 v2', { what: 'v2', timeout: 2_000 });
  cache.apply(key, { upserts: [], removals: [{ typeUrl: typeUrls.listener, name: 'bad' }] });
  await synced();
});

it('goes on with what it has when the control plane is gone, and is sent only what differs when it is back', async () => {
  cache.set(key, everything());
  envoy = await start();
  await synced();
  await server.stop();
  expect(await routeHeader()).toBe('200 v1');
  cache = new SnapshotCache();
  await serve(address);
  await waitFor(() => server.status().length === 1, { what: 'connected' });
  // The new process has read nothing yet: it must not take anything away.
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(await routeHeader()).toBe('200 v1');
  expect(server.status()[0]?.state).toBe('STALE');
  cache.set(key, [...everything(), cluster('new')]);
  await synced();
  expect(type(typeUrls.cluster)).toMatchObject({ pushes: 1, acked: 2 });
  expect(type(typeUrls.listener)?.pushes).toBe(0);
  expect(type(typeUrls.routeConfiguration)?.pushes).toBe(0);
  expect(await routeHeader()).toBe('200 v1');
});
