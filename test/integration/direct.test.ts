// Connections to workloads themselves through a waypoint that serves them (`istio.io/waypoint-for:
// all`): HTTP is HTTP under the policies of the Gateway, everything else passes as TCP, and the
// tunnel ends at the very workload that was dialled.

import { once } from 'node:events';
import { createSecureServer, type Http2SecureServer } from 'node:http2';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listOtherAuthorities } from '../support/authorities.ts';
import { randomLoopback } from '../support/envoy.ts';
import { isHboneRefusal } from '../support/hbone-client.ts';
import { issueTexts } from '../support/test-certificates.ts';
import { listReached, startWaypoint, type TestWaypoint } from '../support/waypoint.ts';
import {
  type EchoedRequest,
  type EchoWorkload,
  startEcho,
  startTcpBanner,
  type Workload,
} from '../support/workload.ts';

const blue = randomLoopback();
const green = randomLoopback();
const outside = randomLoopback();

const manifests = `
apiVersion: v1
kind: Namespace
metadata: { name: shop, labels: { istio.io/use-waypoint: waypoint } }
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata:
  name: waypoint
  namespace: shop
  annotations: { cairn.dev/listen-address: $ADDRESS }
  labels: { istio.io/waypoint-for: all }
spec: { gatewayClassName: istio-waypoint, listeners: [{ name: mesh, port: 15008, protocol: HBONE }] }
---
apiVersion: v1
kind: Service
metadata: { name: db, namespace: shop }
spec: { clusterIP: 10.0.0.1, selector: { app: db }, ports: [{ name: tcp, port: 5432 }, { name: http, port: 8080 }] }
---
${[blue, green, outside]
  .map(
    (address, index) => `
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata:
  name: w${index}
  namespace: shop
  annotations: { ambient.istio.io/redirection: enabled }
  labels: { ${address === outside ? 'istio.io/use-waypoint: none' : 'app: x'} }
spec: { address: ${address}, labels: { app: x } }
---`,
  )
  .join('')}
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: six, namespace: shop }
spec: { address: "2001:DB8:0::5", labels: { app: x } }
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: waypoint, namespace: shop }
spec:
  action: DENY
  targetRefs: [{ group: gateway.networking.k8s.io, kind: Gateway, name: waypoint }]
  rules:
    - to: [{ operation: { paths: [/secret] } }]
      from: [{ source: { namespaces: [shop] } }]
    - from: [{ source: { principals: [cluster.local/ns/shop/sa/enemy] } }]
    - to: [{ operation: { ports: ["8081"] } }]
`;

let waypoint: TestWaypoint;
const echoes: EchoWorkload[] = [];
const servers: Workload[] = [];
/** On a port that no service declares. */
const undeclared: Workload[] = [];
const tunnels: Http2SecureServer[] = [];

beforeAll(async () => {
  waypoint = await startWaypoint(manifests);
  for (const [name, address] of Object.entries({ blue, green, outside })) {
    echoes.push(await startEcho(address, 8080, { name }), await startEcho(address, 8081, { name }));
    servers.push(await startTcpBanner(address, 5432, `${name}\n`));
    undeclared.push(await startTcpBanner(address, 6000, `${name}\n`));
    tunnels.push(await startTunnelEnd(address, name));
  }
}, 60_000);

afterAll(async () => {
  await waypoint.stop();
  for (const tunnel of tunnels) tunnel.close();
  await Promise.all([...echoes, ...servers, ...undeclared].map((server) => server.close()));
});

/** The node proxy of a workload: takes tunnels to its own address only. */
async function startTunnelEnd(address: string, name: string): Promise<Http2SecureServer> {
  const { cert, key, ca } = await issueTexts(waypoint.authority, `spiffe://cluster.local/ns/shop/sa/${name}`);
  const server = createSecureServer({ cert, key, ca, requestCert: true, minVersion: 'TLSv1.3' });
  server.on('stream', (stream, headers) => {
    const [host, port] = (headers[':authority'] ?? '').split(':');
    if (host !== address) return stream.respond({ ':status': 404 }, { endStream: true });
    const socket = connect(Number(port), host, () => {
      stream.respond({ ':status': 200 });
      socket.pipe(stream).pipe(socket);
    });
    socket.on('error', () => stream.close());
    stream.on('error', () => socket.destroy());
    stream.on('close', () => socket.destroy());
  });
  server.listen(15008, address);
  await once(server, 'listening');
  return server;
}

const ask = async (target: string, path = '/', account = 'sleep'): Promise<string> => {
  const { status, body } = await waypoint.request(account, target, { path });
  return status === 200 ? (JSON.parse(body) as EchoedRequest).name : String(status);
};

async function hear(target: string, account = 'sleep', says = ''): Promise<string> {
  const connection = await waypoint.connectAs(account);
  try {
    const stream = await connection.connect(target);
    if (says !== '') stream.write(says);
    return await new Promise((resolve) => {
      // The server's first bytes may come in one piece with its answer.
      stream.once('data', (chunk: Buffer) => resolve(chunk.toString('utf8').split('\n', 1)[0] ?? ''));
      for (const event of ['end', 'close', 'error']) stream.once(event, () => resolve('closed'));
    });
  } catch (error) {
    return isHboneRefusal(error) && error.status !== 503 ? `refused ${error.status}` : 'closed';
  } finally {
    await connection.close();
  }
}

describe('a workload that is dialled itself', () => {
  it.each([5432, 6000])('is not reached by another spelling of its address and port %s', async (port) => {
    const before = [...servers, ...undeclared].map((server) => server.connectionCount());
    for (const address of [blue, '2001:db8::5']) {
      expect(await listReached(waypoint, 'enemy', listOtherAuthorities(address, port))).toEqual([]);
    }
    expect([...servers, ...undeclared].map((server) => server.connectionCount())).toEqual(before);
  });

  it('meets its verdict by the canonical spelling', async () => {
    const target = '[2001:db8::5]:5432';
    expect(await hear(target, 'enemy')).toBe('refused 403');
    expect(await listReached(waypoint, 'ops/sleep', [target, '[2001:db8::5]:6000'])).toHaveLength(2);
  });

  it.each<readonly [string, Parameters<typeof ask>, string]>([
    ['answers', [`${blue}:8080`], 'blue'],
    ['is the one that was dialled', [`${green}:8080`], 'green'],
    ['is under the policies of the Gateway: path', [`${blue}:8080`, '/secret'], '403'],
    ['is under the policies of the Gateway: path and client', [`${blue}:8080`, '/secret', 'ops/sleep'], 'blue'],
    ['is under the policies of the Gateway: client', [`${blue}:8080`, '/', 'enemy'], '403'],
    ['is under the policies of the Gateway: port', [`${blue}:8081`], '403'],
  ])('%s', async (_, request, expected) => {
    expect(await ask(...request)).toBe(expected);
  });

  it('never answers for another, with many clients at once', async () => {
    const names = await Promise.all(
      Array.from({ length: 100 }, async (_, index) => {
        const name = index % 2 === 0 ? 'blue' : 'green';
        return [name, await ask(`${name === 'blue' ? blue : green}:8080`)] as const;
      }),
    );
    expect(names.filter(([wanted, got]) => wanted !== got)).toEqual([]);
  });

  it('may speak first on a port that is known as TCP, and not a byte of it reaches a client that is denied', async () => {
    expect(await hear(`${blue}:5432`, 'ops/sleep')).toBe('blue');
    // A policy about paths cannot hold for TCP, so it denies all clients that it names.
    expect(await hear(`${blue}:5432`)).toBe('refused 403');
    expect(await hear(`${blue}:5432`, 'enemy')).toBe('refused 403');
  });

  it('answers a client that speaks first on a port that nobody declares, and is not even connected for one that is denied', async () => {
    expect(await hear(`${blue}:6000`, 'ops/sleep', 'who are you?\n')).toBe('blue');
    const before = undeclared[0]?.connectionCount();
    for (let attempt = 0; attempt < 20; attempt += 1) {
      expect(await hear(`${blue}:6000`, 'enemy', 'who are you?\n')).toBe('closed');
    }
    expect(undeclared[0]?.connectionCount()).toBe(before);
  });

  it('is not reached when it is bound to no waypoint', async () => {
    expect(await hear(`${outside}:5432`)).toBe('refused 404');
  });
});
