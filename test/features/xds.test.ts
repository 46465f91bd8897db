// The xDS server as a proxy meets it: over gRPC, with a client that was written from the protocol.

import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ServerCredentials } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type Authority,
  createAuthority,
  createPrivateKey,
  createRequest,
  formatPrivateKey,
} from '../../certificates/index.ts';
import { type EncodedResource, type TypeUrl, typeUrls } from '../../envoy-api/index.ts';
import {
  type Admission,
  type Node,
  type Peer,
  SnapshotCache,
  XdsServer,
  type XdsServerOptions,
} from '../../xds/index.ts';
import {
  connectDeltaAds,
  type DeltaAdsClient,
  type DeltaAdsOptions,
  endedWith,
  sdsMethod,
} from '../support/delta-ads-client.ts';
import { waitFor } from '../support/wait.ts';

const { cluster: CDS, clusterLoadAssignment: EDS, listener: LDS, routeConfiguration: RDS, secret: SDS } = typeUrls;
const node = {
  id: 'waypoint.default',
  cluster: 'default',
  metadata: { NAMESPACE: 'default', DEPTH: { list: [1, true, null] } },
};

let cache: SnapshotCache;
let server: XdsServer;
let admitted: { readonly peer: Peer; readonly node: Node }[];
let authorize: (peer: Peer, node: Node) => Admission;
let stops: (() => unknown)[];

beforeEach(() => {
  cache = new SnapshotCache();
  admitted = [];
  stops = [];
  authorize = () => ({ key: 'a' });
});
afterEach(async () => {
  for (const stop of stops.reverse()) await stop();
});

function resource(typeUrl: TypeUrl, name: string, version: string, size = 10): EncodedResource {
  return { typeUrl, name, version, bytes: new Uint8Array(size) };
}

async function serve(
  address = '127.0.0.1:0',
  credentials: ServerCredentials = ServerCredentials.createInsecure(),
  options: Partial<XdsServerOptions> = {},
): Promise<string> {
  server = new XdsServer({
    cache,
    authorize: (peer, node) => {
      admitted.push({ peer, node });
      return authorize(peer, node);
    },
    log: () => undefined,
    ...options,
  });
  const bound = await server.start(address, credentials);
  stops.push(() => server.stop());
  return bound;
}

async function connect(address: string, options: DeltaAdsOptions = {}): Promise<DeltaAdsClient> {
  const client = await connectDeltaAds(address, { node, ...options });
  stops.push(() => client.close());
  return client;
}

async function synced(): Promise<void> {
  await waitFor(() => server.status().length > 0 && server.status().every(({ state }) => state === 'SYNCED'), {
    what: 'all synced',
  });
}

describe('resources', () => {
  it('arrive in the order of the types, and a change arrives alone', async () => {
    cache.set('a', [
      resource(RDS, 'r', '1'),
      resource(LDS, 'l', '1'),
      resource(EDS, 'c', '1'),
      resource(CDS, 'c', '1'),
    ]);
    cache.set('b', [resource(CDS, 'of-another', '1')]);
    const client = await connect(await serve());
    client.subscribe(CDS);
    client.subscribe(LDS);
    client.subscribe(EDS, 'c');
    client.subscribe(RDS, 'r');
    await synced();
    expect(client.responses.map(({ typeUrl }) => typeUrl)).toEqual([CDS, EDS, RDS, LDS]);
    expect(client.responses[0]?.resources).toEqual([
      { name: 'c', version: '1', typeUrl: CDS, value: Buffer.alloc(10) },
    ]);
    cache.apply('a', { upserts: [resource(RDS, 'r', '2')], removals: [{ typeUrl: EDS, name: 'none' }] });
    await client.resource(RDS, 'r', '2');
    expect(client.responses).toHaveLength(5);
    expect(admitted.map(({ node }) => node)).toEqual([node]);
  });

  it('are not sent again to a client that comes back with them', async () => {
    cache.set('a', [resource(CDS, 'same', '1'), resource(CDS, 'changed', '1'), resource(CDS, 'gone', '1')]);
    const address = await serve();
    const before = await connect(address);
    before.subscribe(CDS);
    await synced();
    const initialVersions = before.versions(CDS);
    before.close();
    await waitFor(() => server.status().length === 0, { what: 'disconnected' });
    const idle = await connect(address);
    idle.request(CDS, { initialVersions });
    await synced();
    expect(idle.responses).toEqual([]);
    idle.close();
    cache.set('a', [resource(CDS, 'same', '1'), resource(CDS, 'changed', '2')]);
    const after = await connect(address);
    for (const type of [CDS, LDS]) after.request(type, { initialVersions: type === CDS ? initialVersions : {} });
    after.subscribe(RDS, 'r');
    await waitFor(() => after.responses.some(({ removed }) => removed.includes('gone')), { what: 'removal' });
    expect(after.responses.flatMap(({ resources }) => resources.map(({ name }) => name))).toEqual(['changed']);
  });

  it('do not pile up for a client that does not read', async () => {
    const types = [CDS, EDS, LDS, RDS, SDS];
    const size = 2_000_000;
    const bytes = new Uint8Array(size);
    const put = (version: number): void =>
      cache.set(
        'a',
        types.map((typeUrl) => ({ typeUrl, name: 'big', version: String(version), bytes })),
      );
    put(0);
    const client = await connect(await serve(undefined, undefined, { orderTimeout: 50 }), { acknowledge: false });
    client.pause();
    for (const type of types) client.subscribe(type, 'big');
    await waitFor(() => Object.keys(server.status()[0]?.types ?? {}).length === types.length, { what: 'subscribed' });
    for (let version = 1; version <= 500; version += 1) {
      put(version);
      if (version % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const sent = Object.values(server.status()[0]?.types ?? {});
    expect(sent.every(({ pushes }) => pushes <= 1)).toBe(true);
    expect(sent.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThan((types.length + 1) * size);
    expect(server.status()[0]?.state).toBe('STALE');
    client.resume();
    for (let index = 0; client.versions(RDS)['big'] !== '500'; index += 1) client.ack(await client.response(index));
    expect(client.responses.length).toBeLessThanOrEqual(2 * types.length);
  });
});

describe('status', () => {
  it('shows a refusal with the words of the proxy, then that it was overcome', async () => {
    cache.set('a', [resource(LDS, 'l', '1'), resource(CDS, 'c', '1')]);
    const changes: boolean[] = [];
    const options: Partial<XdsServerOptions> = {
      clock: () => 1234,
      onStatusChange: (_, connected) => changes.push(connected),
    };
    const client = await connect(await serve(undefined, undefined, options), { acknowledge: false });
    client.subscribe(CDS);
    client.ack(await client.response(0));
    client.subscribe(LDS);
    client.nack(await client.response(1), 'no such filter');
    await waitFor(() => server.status()[0]?.state === 'REJECTED', { what: 'refused' });
    expect(server.status()).toMatchObject([
      {
        node,
        key: 'a',
        identities: [],
        connectedSince: 1234,
        types: {
          [CDS]: { wildcard: true, acked: 1, pending: 0, pushes: 1, nacks: 0, rejected: [] },
          [LDS]: {
            acked: 0,
            nacks: 1,
            rejected: ['l'],
            lastNack: { message: 'no such filter', time: 1234, resources: ['l'] },
          },
        },
      },
    ]);
    cache.apply('a', { upserts: [resource(LDS, 'l', '2')], removals: [] });
    client.ack(await client.response(2));
    await synced();
    client.close();
    await waitFor(() => changes.at(-1) === false, { what: 'told' });
    expect(server.status()).toEqual([]);
  });
});

describe('who may connect', () => {
  let authority: Authority;

  async function pair(
    identity: string,
    ipAddresses: readonly string[] = [],
  ): Promise<{ key: string; certificate: string }> {
    const key = createPrivateKey();
    const chain = await authority.issue({ identity, csr: createRequest(key), now: new Date(), ipAddresses });
    return { key: formatPrivateKey(key), certificate: chain.slice(0, -1).join('') };
  }

  async function serveTls(): Promise<string> {
    authority = await createAuthority({ trustDomain: 'cluster.local', now: new Date() });
    const { key, certificate } = await pair('spiffe://cluster.local/ns/cairn-system/sa/cairn', ['127.0.0.1']);
    const credentials = ServerCredentials.createSsl(
      Buffer.from(authority.rootPem),
      [{ private_key: Buffer.from(key), cert_chain: Buffer.from(certificate) }],
      true,
    );
    return serve('127.0.0.1:0', credentials);
  }

  it('is decided by the identity in the certificate, not by what the node says', async () => {
    const address = await serveTls();
    const mine = 'spiffe://cluster.local/ns/default/sa/waypoint';
    authorize = ({ identities }) => (identities[0] === mine ? { key: 'a' } : { denied: `not for ${identities[0]}` });
    cache.set('a', [resource(CDS, 'c', '1')]);
    const root = authority.rootPem;
    const client = await connect(address, { tls: { root, ...(await pair(mine)) } });
    client.subscribe(CDS);
    await client.resource(CDS, 'c');
    expect(server.status()[0]?.identities).toEqual([mine]);
    const thief = await connect(address, {
      tls: { root, ...(await pair('spiffe://cluster.local/ns/default/sa/thief')) },
    });
    thief.subscribe(CDS);
    const end = await thief.end();
    expect(endedWith(end, 'PERMISSION_DENIED')).toBe(true);
    expect(end.details).toBe('not for spiffe://cluster.local/ns/default/sa/thief');
    expect(thief.responses).toEqual([]);
    expect(server.status()).toHaveLength(1);
  });

  it('is nobody without a certificate, or with one of another authority', async () => {
    const address = await serveTls();
    const root = authority.rootPem;
    const nobody = await connect(address, { tls: { root } });
    nobody.subscribe(CDS);
    expect(endedWith(await nobody.end(), 'UNAVAILABLE')).toBe(true);
    authority = await createAuthority({ trustDomain: 'cluster.local', now: new Date() });
    const stranger = await connect(address, {
      tls: { root, ...(await pair('spiffe://cluster.local/ns/default/sa/x')) },
    });
    stranger.subscribe(CDS);
    expect(endedWith(await stranger.end(), 'UNAVAILABLE')).toBe(true);
    expect(admitted).toEqual([]);
  });

  it('must say which node it is', async () => {
    const client = await connectDeltaAds(await serve());
    client.subscribe(CDS);
    expect(endedWith(await client.end(), 'INVALID_ARGUMENT')).toBe(true);
    client.close();
    expect(admitted).toEqual([]);
  });
});

describe('the server', () => {
  it('serves secrets on a socket file of its owner, over one that a crash left behind', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'cairn-sds-'));
    stops.push(() => rmSync(directory, { recursive: true }));
    const path = join(directory, 'sds');
    cache.set('a', []);
    await serve(`unix:${path}`);
    const abandoned = server;
    stops.push(() => abandoned.stop());
    await serve(`unix:${path}`);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const asked: string[] = [];
    await server.stop();
    await serve(`unix:${path}`, undefined, {
      onSubscribe: (key, _typeUrl, names) => {
        asked.push(...names);
        cache.apply(key, { upserts: names.map((name) => resource(SDS, name, '1')), removals: [] });
      },
    });
    const client = await connect(`unix:${path}`, { method: sdsMethod });
    client.subscribe(SDS, 'default', 'ROOTCA');
    await client.resource(SDS, 'ROOTCA');
    expect(asked).toEqual(['default', 'ROOTCA']);
    expect(client.responses).toHaveLength(1);
  });

  it('tells its clients to come again when it stops, and gives the port back', async () => {
    cache.set('a', []);
    const address = await serve();
    const client = await connect(address);
    client.subscribe(CDS);
    await client.response(0);
    await server.stop();
    expect(endedWith(await client.end(), 'UNAVAILABLE')).toBe(true);
    await serve(address);
  });

  it('says so when the address is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    stops.push(() => other.close());
    await waitFor(() => other.listening, { what: 'listening' });
    const bound = other.address();
    const port = typeof bound === 'object' ? bound?.port : undefined;
    await expect(serve(`127.0.0.1:${port}`)).rejects.toThrow(`cannot listen on 127.0.0.1:${port}`);
  });
});
