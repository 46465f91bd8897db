// TCP rules, delegated rules, and every way in which a ServiceEntry finds its destinations: one
// waypoint on a real Envoy, asked over HBONE. Each case stands beside one that shows the opposite.

import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import type { Duplex } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomLoopback } from '../support/envoy.ts';
import { type HttpRequest, isHboneRefusal, requestThrough } from '../support/hbone-client.ts';
import { waypointManifests } from '../support/mesh.ts';
import { startWaypoint, type TestWaypoint } from '../support/waypoint.ts';
import {
  type EchoedRequest,
  type EchoWorkload,
  startEcho,
  startTcpBanner,
  type Workload,
} from '../support/workload.ts';

const blue = randomLoopback();
const green = randomLoopback();
const bannerPort = 5432;
const mixedPort = 7000;

/** `port` is where the echo server on 127.0.0.1 and ::1 listens. */
const manifests = (port: number): string => `
${waypointManifests('shop', '$ADDRESS')}
---
${['plain', 'weighted', 'matched', 'silent', 'lost', 'named', 'other-name', 'zero', 'mixed', 'elsewhere']
  .map((name, index) =>
    service(
      name,
      `10.0.1.${index + 1}`,
      name === 'mixed' ? 'odd' : 'tcp',
      name === 'mixed' ? mixedPort : bannerPort,
      'blue',
      bannerPort,
    ),
  )
  .join('')}
${service('green', '10.0.1.100', 'tcp', bannerPort, 'green')}
${service('web', '10.0.2.1', 'http', 80, 'echo', port)}
${service('browser', '10.0.2.2', 'grpc-web', 80, 'echo', port)}
${service('grpc', '10.0.2.3', 'grpc', 80, 'echo', port)}
${service('socket', '10.0.2.4', 'http', 80, 'socket', 7070)}
${service('locked', '10.0.2.5', 'http', 80, 'echo', port)}
${['blue', 'green'].map((name) => workload(name, name === 'blue' ? blue : green)).join('')}
${workload('echo', '127.0.0.1')}
${workload('socket', blue)}
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: weighted, namespace: shop }
spec:
  hosts: [weighted]
  tcp: [{ route: [{ destination: { host: weighted }, weight: 70 }, { destination: { host: green }, weight: 30 }] }]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: zero, namespace: shop }
spec:
  hosts: [zero]
  tcp: [{ route: [{ destination: { host: zero }, weight: 0 }, { destination: { host: green }, weight: 1 }] }]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: matched, namespace: shop }
spec:
  hosts: [matched, mixed]
  tcp:
    - match: [{ port: ${bannerPort + 1} }, { gateways: [elsewhere] }, { sourceLabels: { app: x } }]
      route: [{ destination: { host: lost } }]
    - match: [{ sourceNamespace: ops }, { sourceSubnet: 127.99.0.0/16, port: ${bannerPort} }]
      route: [{ destination: { host: green } }]
    - match: [{ sourceNamespace: lab, sourceSubnet: 127.88.0.0/16 }]
      route: [{ destination: { host: green } }]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: silent, namespace: shop }
spec:
  hosts: [silent]
  tcp: [{ match: [{ destinationSubnets: [10.9.0.0/16] }], route: [{ destination: { host: green } }] }]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: elsewhere, namespace: shop }
spec:
  hosts: [elsewhere]
  tcp: [{ match: [{ destinationSubnets: [10.0.1.0/24] }], route: [{ destination: { host: green } }] }]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: lost, namespace: shop }
spec: { hosts: [lost], tcp: [{ route: [{ destination: { host: nowhere } }] }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: named, namespace: shop }
spec:
  hosts: [named]
  tls: [{ match: [{ sniHosts: [named.shop.svc.cluster.local] }], route: [{ destination: { host: green } }] }]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: other-name, namespace: shop }
spec:
  hosts: [other-name]
  tls: [{ match: [{ sniHosts: [www.example.com] }], route: [{ destination: { host: green } }] }]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: root, namespace: shop }
spec:
  hosts: [web]
  http:
    - name: api
      match: [{ uri: { prefix: /api }, headers: { team: { exact: a } } }]
      headers: { response: { set: { from: root } } }
      delegate: { name: api, namespace: rules }
    - match: [{ uri: { prefix: /gone } }]
      delegate: { name: gone }
    - match: [{ uri: { prefix: /private } }]
      route: [{ destination: { host: hidden.example.com } }]
    - match: [{ uri: { prefix: /public } }]
      route: [{ destination: { host: shown.example.com } }]
    - directResponse: { status: 418 }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: api, namespace: rules }
spec:
  http:
    - match: [{ uri: { exact: /api/one } }]
      directResponse: { status: 201 }
    - match: [{ uri: { prefix: /elsewhere } }]
      directResponse: { status: 202 }
    - headers: { response: { set: { from: delegate } } }
      route: [{ destination: { host: web.shop.svc.cluster.local } }]
---
${entry('shown', { host: 'shown.example.com', address: '10.0.3.1', port, rest: 'resolution: STATIC, endpoints: [{ address: 127.0.0.1 }]' })}
${entry('hidden', { host: 'hidden.example.com', address: '10.0.3.2', port, rest: 'resolution: STATIC, exportTo: [ops], endpoints: [{ address: 127.0.0.1 }]' })}
${entry('by-name', { host: 'localhost', address: '10.0.3.3', port, rest: 'resolution: DNS' })}
${entry('by-endpoint', { host: 'partner.example.com', address: '10.0.3.4', port, rest: 'resolution: DNS, endpoints: [{ address: localhost }]' })}
${entry('round-robin', { host: 'one.example.com', address: '10.0.3.5', port, rest: 'resolution: DNS_ROUND_ROBIN, endpoints: [{ address: localhost }]' })}
${entry('unknown', { host: 'does-not-exist.invalid', address: '10.0.3.6', port, rest: 'resolution: DNS' })}
${entry('dialled', { host: 'dialled.example.com', address: '127.0.0.0/30', port, number: port, rest: 'resolution: NONE' })}
${entry('dialled-tcp', { host: 'dialled-tcp.example.com', address: blue, port: bannerPort, number: bannerPort, rest: 'resolution: NONE', protocol: 'TCP' })}
${entry('by-host', { host: '*.localhost', address: '10.0.3.8', port, rest: 'resolution: DYNAMIC_DNS' })}
${entry('six', { host: 'six.example.com', address: '2001:db8::9', port, rest: 'resolution: STATIC, endpoints: [{ address: "::1" }]' })}
${entry('six-by-four', { host: 'both.example.com', address: '10.0.3.9', port, rest: 'resolution: STATIC, endpoints: [{ address: "::1" }, { address: 127.0.0.1 }]' })}
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: by-host, namespace: shop }
spec:
  action: DENY
  targetRefs: [{ group: networking.istio.io, kind: ServiceEntry, name: by-host }]
  rules: [{ to: [{ operation: { methods: [POST] } }] }]
`;

function service(name: string, address: string, portName: string, port: number, app: string, target = port): string {
  return `
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop }
spec: { clusterIP: ${address}, selector: { app: ${app} }, ports: [{ name: ${portName}, port: ${port}, targetPort: ${target} }] }
---`;
}

function workload(app: string, address: string): string {
  return `
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: ${app}, namespace: shop }
spec: { address: ${address}, labels: { app: ${app} } }
---
`;
}

function entry(
  name: string,
  options: {
    readonly host: string;
    readonly address: string;
    readonly port: number;
    readonly number?: number;
    readonly rest: string;
    readonly protocol?: string;
  },
): string {
  const { host, address, port, number = 80, rest, protocol = 'HTTP' } = options;
  return `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ${name}, namespace: shop }
spec: { hosts: ["${host}"], addresses: ["${address}"], ${rest}, ports: [{ name: port, number: ${number}, targetPort: ${port}, protocol: ${protocol} }] }
---`;
}

let waypoint: TestWaypoint;
let echo: EchoWorkload;
let echo6: EchoWorkload;
const banners: Workload[] = [];
let socketServer: Server;

beforeAll(async () => {
  echo = await startEcho('127.0.0.1', 0, { name: 'four' });
  echo6 = await startEcho('::1', echo.port, { name: 'six' });
  banners.push(await startTcpBanner(blue, bannerPort, 'blue\n'), await startTcpBanner(green, bannerPort, 'green\n'));
  socketServer = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n');
      socket.pipe(socket);
    });
  });
  socketServer.listen(7070, blue);
  await once(socketServer, 'listening');
  waypoint = await startWaypoint(manifests(echo.port));
}, 60_000);

afterAll(async () => {
  await waypoint.stop();
  await Promise.all([echo.close(), echo6.close(), ...banners.map((banner) => banner.close())]);
  socketServer.close();
});

/**
 * The first bytes that come through a tunnel when the client says nothing, or `say`; `closed` when
 * it ends without any.
 */
async function hear(
  target: string,
  { as = 'sleep', from, say }: { readonly as?: string; readonly from?: string; readonly say?: string } = {},
): Promise<string> {
  const connection = await waypoint.connectAs(as, from === undefined ? {} : { localAddress: from });
  try {
    const stream = await connection.connect(target);
    if (say !== undefined) stream.write(say);
    // A server may have echoed the bytes by the time they are read.
    return (await firstText(stream)).replace(/\n.*/s, '');
  } catch (error) {
    // Whether the answer to the CONNECT or the end of its stream comes first is Envoy's choice.
    return isHboneRefusal(error) && error.status !== 503 ? `refused ${error.status}` : 'closed';
  } finally {
    await connection.close();
  }
}

function firstText(stream: Duplex): Promise<string> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve('silence'), 5000);
    const done = (text: string): void => {
      clearTimeout(timer);
      resolve(text);
    };
    stream.once('data', (chunk: Buffer) => done(chunk.toString('utf8').trim()));
    stream.once('end', () => done('closed'));
    stream.once('close', () => done('closed'));
    stream.once('error', () => done('closed'));
  });
}

const tcp = (index: number): string => `10.0.1.${index}:${bannerPort}`;

describe('a TCP port', () => {
  it.each<readonly [string, string, Parameters<typeof hear>[1], string]>([
    ['without rules goes to its service, whose server speaks first', tcp(1), {}, 'blue'],
    ['goes on when no rule takes the connection', tcp(3), {}, 'blue'],
    ['is matched by the namespace of the client’s identity', tcp(3), { as: 'ops/sleep' }, 'green'],
    ['is not matched by another namespace that begins alike', tcp(3), { as: 'ops2/sleep' }, 'blue'],
    ['is matched by the client’s address', tcp(3), { from: '127.99.0.7' }, 'green'],
    ['is not matched by another address', tcp(3), { from: '127.98.0.7' }, 'blue'],
    ['needs both conditions of one match: both', tcp(3), { as: 'lab/sleep', from: '127.88.0.7' }, 'green'],
    ['needs both conditions of one match: the namespace only', tcp(3), { as: 'lab/sleep' }, 'blue'],
    ['needs both conditions of one match: the address only', tcp(3), { from: '127.88.0.7' }, 'blue'],
    ['is not matched by a destination that it is not', tcp(4), {}, 'blue'],
    ['is matched by the address that was dialled', tcp(10), {}, 'green'],
    ['whose destination does not exist is closed', tcp(5), {}, 'closed'],
    ['is matched by the service’s own host as server name', tcp(6), {}, 'green'],
    ['is never matched by another server name', tcp(7), {}, 'blue'],
    ['sends nothing to a destination of weight 0', tcp(8), {}, 'green'],
    ['that is sniffed follows the rules too', `10.0.1.9:${mixedPort}`, { as: 'ops/sleep', say: 'hello\n' }, 'green'],
    ['that is sniffed goes on when no rule takes the connection', `10.0.1.9:${mixedPort}`, { say: 'hello\n' }, 'blue'],
  ])('%s', async (_, target, options, expected) => {
    expect(await hear(target, options)).toBe(expected);
  });

  it('divides connections by weight', async () => {
    const heard = await Promise.all(Array.from({ length: 100 }, () => hear(tcp(2))));
    const share = heard.filter((banner) => banner === 'green').length;
    expect(heard.every((banner) => banner === 'green' || banner === 'blue')).toBe(true);
    // 30 of 100, give or take four standard deviations.
    expect(share).toBeGreaterThan(11);
    expect(share).toBeLessThan(49);
  }, 30_000);
});

const ask = async (target: string, request: Partial<HttpRequest> = {}): Promise<string> => {
  const { status, headers, body } = await waypoint.request('sleep', target, { path: '/', ...request });
  const name = status === 200 ? ` ${(JSON.parse(body) as EchoedRequest).name}` : '';
  return `${status}${name}${headers['from'] === undefined ? '' : ` from ${headers['from']}`}`;
};

describe('a delegated rule', () => {
  const team = { team: 'a' };
  it.each<readonly [string, Partial<HttpRequest>, string]>([
    ['takes what both ask for', { path: '/api/one', headers: team }, '201 from root'],
    ['keeps what it says itself', { path: '/api/two', headers: team }, '200 four from delegate'],
    ['takes nothing that its root does not take', { path: '/api/one' }, '418'],
    ['that goes beyond its root has no effect', { path: '/elsewhere', headers: team }, '418'],
    ['without a delegate has no effect', { path: '/gone' }, '418'],
  ])('%s', async (_, request, expected) => {
    expect(await ask('10.0.2.1:80', request)).toBe(expected);
  });
});

describe('a ServiceEntry', () => {
  it.each<readonly [string, string, Partial<HttpRequest>, string]>([
    ['is a destination where it is exported', '10.0.2.1:80', { path: '/public' }, '200 four'],
    ['is none where it is not exported', '10.0.2.1:80', { path: '/private' }, '503'],
    ['found by the name that it has', '10.0.3.3:80', {}, '200 four'],
    ['found by the name of its endpoint', '10.0.3.4:80', {}, '200 four'],
    ['found by one name', '10.0.3.5:80', {}, '200 four'],
    ['whose name does not exist', '10.0.3.6:80', {}, '503'],
    ['with IPv6 endpoints', '10.0.3.9:80', {}, '200 (four|six)'],
    ['with an IPv6 address', '[2001:db8::9]:80', {}, '200 six'],
    ['found by each request’s Host', '10.0.3.8:80', { authority: 'a.localhost' }, '200 four'],
    ['found by Host, whatever port the Host names', '10.0.3.8:80', { authority: 'b.localhost:22' }, '200 four'],
    ['found by Host, for other hosts', '10.0.3.8:80', { authority: 'example.com' }, '404'],
    ['found by Host, for the bare name', '10.0.3.8:80', { authority: 'localhost' }, '404'],
    ['found by Host, with a policy', '10.0.3.8:80', { authority: 'a.localhost', method: 'POST' }, '403'],
    ['found by Host, with a policy, for other hosts', '10.0.3.8:80', { authority: 'x.example', method: 'POST' }, '403'],
  ])('%s', async (_, target, request, expected) => {
    expect(await ask(target, request)).toMatch(new RegExp(`^${expected}$`));
  });

  it('reaches the address that was dialled', async () => {
    expect(await ask(`127.0.0.1:${echo.port}`)).toBe('200 four');
    expect(await hear(`${blue}:${bannerPort}`)).toBe('blue');
    // Inside the range, but no server listens there.
    expect(await ask(`127.0.0.2:${echo.port}`)).toBe('503');
  });

  it('leads nowhere outside of its range', async () => {
    const before = banners[1]?.connectionCount();
    expect(await hear(`${green}:${bannerPort}`)).toBe('refused 404');
    expect(banners[1]?.connectionCount()).toBe(before);
  });
});

describe('a protocol', () => {
  it('grpc-web is gRPC for the application', async () => {
    const call = { path: '/a.B/C', method: 'POST', headers: { 'content-type': 'application/grpc-web' }, body: '12345' };
    await waypoint.request('sleep', '10.0.2.2:80', call).catch(() => undefined);
    const seen = echo.requests().at(-1);
    expect(seen?.httpVersion).toBe('2.0');
    expect(Object.fromEntries(seen?.headers ?? [])['content-type']).toBe('application/grpc');
  });

  it('grpc leaves grpc-web as it is', async () => {
    const call = { path: '/a.B/D', method: 'POST', headers: { 'content-type': 'application/grpc-web' }, body: '12345' };
    await waypoint.request('sleep', '10.0.2.3:80', call).catch(() => undefined);
    const seen = echo.requests().at(-1);
    expect(seen?.path).toBe('/a.B/D');
    expect(Object.fromEntries(seen?.headers ?? [])['content-type']).toBe('application/grpc-web');
  });

  it('websocket is a stream both ways once it is agreed on', async () => {
    const connection = await waypoint.connectAs('sleep');
    const stream = await connection.connect('10.0.2.4:80');
    stream.write('GET /chat HTTP/1.1\r\nhost: socket\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n');
    expect(await firstText(stream)).toMatch(/^HTTP\/1.1 101 /);
    stream.write('ping');
    expect(await firstText(stream)).toBe('ping');
    await connection.close();
  });

  it('another upgrade is refused', async () => {
    const connection = await waypoint.connectAs('sleep');
    const stream = await connection.connect('10.0.2.4:80');
    const upgrade = { connection: 'Upgrade', upgrade: 'something' };
    expect((await requestThrough(stream, { path: '/', headers: upgrade })).status).toBe(403);
    await connection.close();
  });
});
