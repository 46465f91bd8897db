// The node proxy on a real Envoy: the certificate of a connection, its destination, and refusals on
// both ends.

import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import {
  connect as connectHttp2,
  constants,
  createSecureServer,
  type Http2SecureServer,
  type SecureServerOptions,
} from 'node:http2';
import { connect as connectTcp, createServer as createTcpServer, type Server as TcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type ConnectionOptions, TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Authority,
  createAuthority,
  createPrivateKey,
  formatPrivateKey,
  openAuthority,
} from '../../certificates/index.ts';
import { translateNode } from '../../generator/whole/node.ts';
import { inlineResources } from '../../envoy-api/index.ts';
import { listOtherAuthorities } from '../support/authorities.ts';
import { type AnyMeshObject, defaultMeshSettings, MeshStore } from '../../mesh/index.ts';
import { type RunningEnvoy, startEnvoy } from '../support/envoy.ts';
import { testMachine } from '../support/mesh.ts';
import { waitFor } from '../support/wait.ts';

const block = `127.101.${Math.floor(Math.random() * 256)}`;
const at = {
  node: `${block}.1`,
  sleep: `${block}.2`,
  notsleep: `${block}.3`,
  details1: `${block}.4`,
  details2: `${block}.5`,
  banner: `${block}.6`,
  halfopen: `${block}.7`,
  waypoint: `${block}.10`,
  impostor: `${block}.11`,
  legacy: `${block}.20`,
  stranger: `${block}.30`,
  detailsVip: `${block}.100`,
  reviewsVip: `${block}.101`,
  ratingsVip: `${block}.102`,
  productpageVip: `${block}.103`,
  legacyVip: `${block}.104`,
  bannerVip: `${block}.105`,
  halfopenVip: `${block}.106`,
};

const identityOf = (serviceAccount: string): string => `spiffe://cluster.local/ns/default/sa/${serviceAccount}`;

function meta(name: string, labels: Readonly<Record<string, string>> = {}): AnyMeshObject['metadata'] {
  return { name, namespace: 'default', labels, annotations: {} };
}

function workload(
  name: string,
  address: string,
  app = name,
  ports: Readonly<Record<string, number>> = {},
): AnyMeshObject {
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'WorkloadEntry',
    metadata: meta(name, { 'networking.istio.io/tunnel': 'http' }),
    spec: { address, labels: { app }, serviceAccount: app, ports },
  };
}

function service(name: string, clusterIP: string, targetPort: number, waypoint?: string): AnyMeshObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: meta(name, waypoint === undefined ? {} : { 'istio.io/use-waypoint': waypoint }),
    spec: { clusterIP, selector: { app: name }, ports: [{ name: 'http', port: 9080, targetPort }] },
  };
}

function gateway(name: string, address?: string): AnyMeshObject {
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'Gateway',
    metadata: meta(name),
    spec: {
      gatewayClassName: 'istio-waypoint',
      listeners: [{ name: 'mesh', port: 15008, protocol: 'HBONE' }],
      ...(address === undefined ? {} : { addresses: [{ type: 'IPAddress', value: address }] }),
    },
  };
}

const objects: readonly AnyMeshObject[] = [
  workload('sleep', at.sleep),
  workload('notsleep', at.notsleep),
  workload('details-v1', at.details1, 'details', { admin: 9099 }),
  workload('details-v2', at.details2, 'details'),
  workload('banner', at.banner),
  workload('halfopen', at.halfopen),
  service('details', at.detailsVip, 9081),
  service('banner', at.bannerVip, 2525),
  service('halfopen', at.halfopenVip, 7000),
  service('reviews', at.reviewsVip, 9080, 'waypoint'),
  service('ratings', at.ratingsVip, 9080, 'impostor'),
  service('productpage', at.productpageVip, 9080, 'nowhere'),
  gateway('waypoint', at.waypoint),
  gateway('impostor', at.impostor),
  gateway('nowhere'),
  {
    apiVersion: 'networking.istio.io/v1',
    kind: 'ServiceEntry',
    metadata: meta('legacy'),
    spec: {
      hosts: ['legacy.example.com'],
      addresses: [at.legacyVip],
      ports: [{ number: 80, name: 'http', targetPort: 8080 }],
      resolution: 'STATIC',
      endpoints: [{ address: at.legacy }],
    },
  },
];

/** PEM texts. */
interface KeyPair {
  readonly chain: string;
  readonly key: string;
}

/** A tunnel that a waypoint of the test was asked for. */
interface Tunnel {
  readonly identity: string;
  readonly source: string | undefined;
  readonly authority: string | undefined;
  readonly baggage: string | undefined;
}

const directory = mkdtempSync(join(tmpdir(), 'cairn-node-proxy-'));
let authority: Authority;
let node: RunningEnvoy;
const servers: (Server | TcpServer | Http2SecureServer)[] = [];
const tunnels: Tunnel[] = [];

async function issue(identity: string, issuer: Authority = authority): Promise<KeyPair> {
  const key = createPrivateKey();
  const chain = await issuer.issue({ identity, csr: key, now: new Date() });
  return { chain: chain.slice(0, -1).join(''), key: formatPrivateKey(key) };
}

async function listen<S extends Server | TcpServer | Http2SecureServer>(
  server: S,
  address: string,
  port: number,
): Promise<S> {
  servers.push(server);
  server.listen(port, address);
  await once(server, 'listening');
  return server;
}

/** Answers every tunnel with one HTTP response that says who answered. */
async function startWaypoint(serviceAccount: string, address: string): Promise<Http2SecureServer> {
  const { chain: cert, key } = await issue(identityOf(serviceAccount));
  const options: SecureServerOptions = { cert, key, ca: authority.rootPem, requestCert: true, minVersion: 'TLSv1.3' };
  const server = createSecureServer(options);
  server.on('stream', (stream, headers) => {
    const { socket } = stream.session ?? {};
    const tls = socket instanceof TLSSocket ? socket : undefined;
    tunnels.push({
      identity: tls?.getPeerCertificate().subjectaltname?.replace(/^URI:/, '') ?? '',
      source: tls?.remoteAddress,
      authority: headers[':authority'],
      baggage: String(headers['baggage']),
    });
    stream.on('error', () => undefined);
    stream.respond({ ':status': 200 });
    stream.once('data', () => stream.end('HTTP/1.1 200 OK\r\ncontent-length: 8\r\nconnection: close\r\n\r\nwaypoint'));
  });
  return listen(server, address, 15008);
}

function startApplication(name: string, address: string, port: number): Promise<Server> {
  return listen(
    createServer((request, response) => {
      response.end(JSON.stringify({ name, source: request.socket.remoteAddress, headers: request.headers }));
    }),
    address,
    port,
  );
}

/** The answer on a connection from `source`; rejects when there is none. */
async function ask(
  source: string,
  address: string,
  port: number,
  send = 'GET / HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n',
): Promise<string> {
  const socket = connectTcp({ host: address, port, localAddress: source });
  await once(socket, 'connect');
  socket.setTimeout(5_000, () => socket.destroy(new Error('no answer within 5 s')));
  socket.write(send);
  return text(socket);
}

/**
 * The status of a CONNECT on HBONE with a client's certificate; rejects when there is no HTTP/2
 * connection.
 */
async function tunnel(
  address: string,
  authorityHeader: string,
  tls: ConnectionOptions,
  method = 'CONNECT',
): Promise<number> {
  const options: ConnectionOptions = {
    ca: authority.rootPem,
    checkServerIdentity: () => undefined,
    minVersion: 'TLSv1.3',
    ...tls,
  };
  const session = connectHttp2(`https://${address}:15008`, options);
  try {
    return await new Promise<number>((resolve, reject) => {
      session.once('error', reject);
      session.once('close', () => reject(new Error('closed')));
      const stream = session.request(
        method === 'CONNECT'
          ? { ':method': 'CONNECT', ':authority': authorityHeader }
          : { ':method': method, ':authority': authorityHeader, ':scheme': 'https', ':path': '/' },
      );
      stream.once('error', reject);
      stream.once('response', (headers) => {
        resolve(Number(headers[':status']));
        stream.close(constants.NGHTTP2_CANCEL);
      });
      setTimeout(() => reject(new Error('no answer within 5 s')), 5_000).unref();
    });
  } finally {
    session.destroy();
  }
}

function logLines(fields: Readonly<Record<string, string>>): readonly Record<string, unknown>[] {
  return node
    .logs()
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line): Record<string, unknown> => JSON.parse(line))
    .filter((line) => Object.entries(fields).every(([key, value]) => line[key] === value));
}

beforeAll(async () => {
  authority = await createAuthority({ trustDomain: 'cluster.local', now: new Date() });
  const mesh = new MeshStore({ ...defaultMeshSettings, machine: testMachine });
  mesh.apply(objects.map((object) => ({ type: 'put', object })));
  const { resources, findings } = translateNode(mesh, { address: at.node });
  expect(findings.map(({ code, ref }) => `${code} ${ref.name}`)).toEqual(['AddressInvalid nowhere']);
  const write = (file: string, pem: string): string => {
    writeFileSync(join(directory, file), pem);
    return join(directory, file);
  };
  const certificates: Record<string, KeyPair> = {};
  for (const name of ['sleep', 'notsleep', 'details', 'banner', 'halfopen']) {
    const { chain, key } = await issue(identityOf(name));
    certificates[identityOf(name)] = { chain: write(`${name}.crt`, chain), key: write(`${name}.key`, key) };
  }
  node = await startEnvoy({
    config: {
      node: { id: 'node', cluster: 'node' },
      layered_runtime: {
        layers: [
          {
            name: 'static',
            static_layer: { 'envoy.reloadable_features.propagate_upstream_rst_through_tunneled_tcp_proxy': false },
          },
        ],
      },
      bootstrap_extensions: [
        {
          name: 'envoy.bootstrap.internal_listener',
          typed_config: {
            '@type': 'type.googleapis.com/envoy.extensions.bootstrap.internal_listener.v3.InternalListener',
          },
        },
      ],
      static_resources: inlineResources(resources, { certificates, roots: write('roots.crt', authority.rootPem) }),
    },
    concurrency: 2,
    args: ['--file-flush-interval-msec', '50'],
  });
  await startApplication('details-v1', at.details1, 9081);
  await startApplication('details-v2', at.details2, 9081);
  await startApplication('hidden', at.details1, 9082);
  await startApplication('legacy', at.legacy, 8080);
  await listen(
    createTcpServer((socket) => {
      socket.on('error', () => undefined);
      socket.end('220 ready\r\n');
    }),
    at.banner,
    2525,
  );
  await startWaypoint('waypoint', at.waypoint);
  await startWaypoint('sleep', at.impostor);
});

afterAll(async () => {
  await node?.stop();
  for (const server of servers) server.close();
  rmSync(directory, { recursive: true });
});

describe('a service without a waypoint', () => {
  it('is reached through HBONE on both ends, with the client known on the other', async () => {
    const answer = await ask(at.sleep, at.detailsVip, 9080);
    expect(answer).toContain('200 OK');
    expect(answer).toMatch(/details-v[12]/);
    const [inbound] = await waitFor(
      () => {
        const lines = logLines({ direction: 'inbound', 'src.identity': identityOf('sleep') });
        return lines.length > 0 && lines;
      },
      { what: 'inbound log line' },
    );
    expect(String(inbound?.['src.addr'])).toContain(`${at.sleep}:`);
    expect(String(inbound?.['dst.hbone_addr'])).toMatch(new RegExp(`^${block}\\.[45]:9081$`));
    expect(inbound?.['dst.identity']).toBe(identityOf('details'));
    const [outbound] = await waitFor(
      () => {
        const lines = logLines({ direction: 'outbound', 'dst.service': 'details.default.svc.cluster.local' });
        return lines.length > 0 && lines;
      },
      { what: 'outbound log line' },
    );
    expect(outbound).toMatchObject({
      'src.workload': 'sleep',
      'src.identity': identityOf('sleep'),
      'dst.hbone_addr': inbound?.['dst.hbone_addr'],
      'dst.identity': identityOf('details'),
    });
  });

  it('sees nothing that HTTP would have added, and the node proxy as its peer', async () => {
    const answer = await ask(at.sleep, at.detailsVip, 9080);
    expect(answer).not.toMatch(/x-request-id|x-forwarded|x-envoy|server: envoy/i);
    expect(answer).toContain(`"source":"${at.node}"`);
  });

  it('spreads connections over its endpoints', async () => {
    const answers = await Promise.all(Array.from({ length: 40 }, () => ask(at.sleep, at.detailsVip, 9080)));
    expect(new Set(answers.map((answer) => /details-v\d/.exec(answer)?.[0]))).toEqual(
      new Set(['details-v1', 'details-v2']),
    );
  });

  it('may speak first', async () => {
    expect(await ask(at.notsleep, at.bannerVip, 9080, '')).toBe('220 ready\r\n');
  });

  it.each([
    ['directly', at.detailsVip],
    ['through the waypoint', at.reviewsVip],
  ])('ends connections that the server closes in order, not by a reset (%s)', async (_, vip) => {
    for (let round = 0; round < 100; round++) {
      expect(await ask(at.sleep, vip, 9080)).toContain('200 OK');
    }
  });

  it('may answer after the client has ended its side', async () => {
    await listen(
      createTcpServer({ allowHalfOpen: true }, (socket) => {
        let received = '';
        socket.on('data', (chunk) => (received += String(chunk)));
        socket.on('end', () => setTimeout(() => socket.end(`got ${received}`), 50));
        socket.on('error', () => undefined);
      }),
      at.halfopen,
      7000,
    );
    for (let round = 0; round < 20; round++) {
      const socket = connectTcp({ host: at.halfopenVip, port: 9080, localAddress: at.sleep, allowHalfOpen: true });
      await once(socket, 'connect');
      socket.end('everything');
      expect(await text(socket)).toBe('got everything');
    }
  });

  it('outside of the mesh gets a plain connection from the client’s own address', async () => {
    expect(await ask(at.notsleep, at.legacyVip, 80)).toContain(`"source":"${at.notsleep}"`);
  });
});

describe('a service with a waypoint', () => {
  it('is reached through it, each client under its own identity and address, also at the same time', async () => {
    tunnels.length = 0;
    const clients = Array.from({ length: 40 }, (_, index) => (index % 2 === 0 ? at.sleep : at.notsleep));
    const answers = await Promise.all(clients.map((client) => ask(client, at.reviewsVip, 9080)));
    expect(answers.every((answer) => answer.endsWith('waypoint'))).toBe(true);
    expect(tunnels).toHaveLength(40);
    for (const name of ['sleep', 'notsleep'] as const) {
      const own = tunnels.filter(({ source }) => source === at[name]);
      expect(own).toHaveLength(20);
      for (const seen of own) {
        expect(seen).toMatchObject({ identity: identityOf(name), authority: `${at.reviewsVip}:9080` });
        expect(seen.baggage).toContain(`k8s.deployment.name=${name}`);
      }
    }
  });

  it('is refused when something else answers at the waypoint’s address', async () => {
    tunnels.length = 0;
    expect(await ask(at.sleep, at.ratingsVip, 9080).catch(() => '')).toBe('');
    expect(tunnels).toEqual([]);
  });

  it('is refused when the waypoint has no address, and not reached directly', async () => {
    expect(await ask(at.sleep, at.productpageVip, 9080).catch(() => '')).toBe('');
  });
});

it('closes a connection from a source that is no workload, and says why', async () => {
  tunnels.length = 0;
  for (const vip of [at.detailsVip, at.reviewsVip, at.legacyVip]) {
    for (const source of [at.stranger, '127.0.0.1']) {
      const answer = await ask(source, vip, vip === at.legacyVip ? 80 : 9080, '');
      expect(answer).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n/);
      expect(answer).toMatch(/is no workload of this mesh[^]*curl --interface 127\./);
    }
  }
  expect(tunnels).toEqual([]);
});

describe('inbound', () => {
  const client = async (identity = identityOf('stranger'), issuer = authority): Promise<ConnectionOptions> => {
    const { chain: cert, key } = await issue(identity, issuer);
    return { cert, key };
  };

  it('accepts a client of the trust domain for a port of the workload, from services and from the workload itself', async () => {
    await startApplication('admin', at.details1, 9099);
    const tls = await client();
    expect(await tunnel(at.details1, `${at.details1}:9081`, tls)).toBe(200);
    expect(await tunnel(at.details1, `${at.details1}:9099`, tls)).toBe(200);
  });

  it.each([
    ['a port that no service and no workload names', `${at.details1}:9082`],
    ['another workload of the node', `${at.details2}:9081`],
    ['an address outside of the node', `${at.legacy}:8080`],
    ['the proxy itself', `${at.details1}:15008`],
    ['a virtual address', `${at.detailsVip}:9080`],
    ['a host name', 'localhost:9081'],
    ['an address without a port', at.details1],
  ])('answers 404 to a CONNECT for %s', async (_, target) => {
    expect(await tunnel(at.details1, target, await client())).toBe(404);
  });

  it('opens no tunnel to another spelling of its address and port', async () => {
    const tls = await client();
    const targets = listOtherAuthorities(at.details1, 9081);
    const outcomes = await Promise.all(
      targets.map((target) => tunnel(at.details1, target, tls).catch(() => 'no answer')),
    );
    expect(targets.filter((_, index) => !['no answer', 400, 404].includes(outcomes[index] ?? ''))).toEqual([]);
  });

  it('answers 404 to a request that is not a CONNECT', async () => {
    expect(await tunnel(at.details1, `${at.details1}:9081`, await client(), 'GET')).toBe(404);
  });

  it('refuses plaintext', async () => {
    expect(await ask(at.sleep, at.details1, 15008).catch(() => '')).toBe('');
  });

  it('refuses a client without a certificate', async () => {
    await expect(tunnel(at.details1, `${at.details1}:9081`, {})).rejects.toThrow();
  });

  it('refuses a certificate of another authority', async () => {
    const other = await createAuthority({ trustDomain: 'cluster.local', now: new Date() });
    await expect(
      tunnel(at.details1, `${at.details1}:9081`, await client(identityOf('sleep'), other)),
    ).rejects.toThrow();
  });

  it('refuses an identity of another trust domain, though the same authority signed it', async () => {
    const other = openAuthority({ trustDomain: 'cluster.local.evil', now: new Date(), pems: authority.pems });
    const tls = await client('spiffe://cluster.local.evil/ns/default/sa/sleep', other);
    await expect(tunnel(at.details1, `${at.details1}:9081`, tls)).rejects.toThrow();
  });

  it('refuses TLS 1.2', async () => {
    const tls = { ...(await client()), minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' } as const;
    await expect(tunnel(at.details1, `${at.details1}:9081`, tls)).rejects.toThrow();
  });
});
