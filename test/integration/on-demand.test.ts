// A waypoint of many services on a real Envoy: the first client of a service gets what the
// hundredth gets, nothing is loaded that nobody asked for, and what is loaded needs no control
// plane.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { typeUrls } from '../../envoy-api/index.ts';
import type { AnyMeshObject } from '../../mesh/index.ts';
import { randomLoopback } from '../support/envoy.ts';
import { type HboneConnection, isHboneRefusal, requestThrough } from '../support/hbone-client.ts';
import type { HttpRequest } from '../support/http1.ts';
import { readMesh } from '../support/mesh.ts';
import { type ServedWaypoint, startServedWaypoint } from '../support/served-waypoint.ts';
import { type EchoWorkload, startEcho, startTcpBanner, type Workload } from '../support/workload.ts';

const count = 60;
const bannerPort = 8081;
const host = randomLoopback();
const workload = randomLoopback();
const addressOf = (index: number): string => `10.5.0.${index}`;

/** Service `s<n>`: HTTP on 80, declared TCP on 81, sniffed on 82; some have rules of their own. */
function makeService(index: number): string {
  return `
apiVersion: v1
kind: Service
metadata: { name: s${index}, namespace: bench }
spec:
  clusterIP: ${addressOf(index)}
  selector: { app: all }
  ports:
    - { name: http, port: 80, targetPort: 8080 }
    - { name: tcp, port: 81, targetPort: ${bannerPort} }
    - { name: any, port: 82, targetPort: ${bannerPort} }
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: s${index}, namespace: bench }
spec:
  targetRefs: [{ group: "", kind: Service, name: s${index} }]
  rules: [{ from: [{ source: { principals: [cluster.local/ns/bench/sa/friend] } }] }]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: s${index}, namespace: bench }
spec:
  hosts: [s${index}]
  http:
    - match: [{ uri: { prefix: /fault } }]
      fault: { abort: { httpStatus: 418, percentage: { value: 100 } } }
      route: [{ destination: { host: s${index}, port: { number: 80 } } }]
    - headers: { response: { set: { x-service: s${index} } } }
      route: [{ destination: { host: s${index}, port: { number: 80 } } }]
---`;
}

const frame = `
apiVersion: v1
kind: Namespace
metadata: { name: bench, labels: { istio.io/use-waypoint: waypoint } }
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: waypoint, namespace: bench, annotations: { cairn.dev/listen-address: ${host} } }
spec: { gatewayClassName: istio-waypoint, listeners: [{ name: mesh, port: 15008, protocol: HBONE }] }
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: all, namespace: bench }
spec: { address: ${workload}, labels: { app: all } }
---`;

function objectsOf(text: string): readonly AnyMeshObject[] {
  const { objects, findings } = readMesh({ 'mesh.yaml': text });
  expect(findings.filter(({ severity }) => severity === 'error')).toEqual([]);
  return objects;
}

const everything = (): readonly AnyMeshObject[] =>
  objectsOf([frame, ...Array.from({ length: count }, (_, index) => makeService(index))].join(''));

let echo: EchoWorkload;
let banner: Workload;
let waypoint: ServedWaypoint;
const connections = new Map<string, Promise<HboneConnection>>();

function as(account: string): Promise<HboneConnection> {
  const found = connections.get(account) ?? waypoint.connectAs(account);
  connections.set(account, found);
  return found;
}

/** The status of a request, or of the refusal of its tunnel. */
async function ask(account: string, authority: string, request: Partial<HttpRequest> = {}): Promise<string> {
  try {
    const stream = await (await as(account)).connect(authority);
    const { status, headers } = await requestThrough(stream, { path: '/', timeout: 15_000, ...request });
    return `${status}${status === 200 ? ` ${headers['x-service'] ?? ''}` : ''}`;
  } catch (error) {
    if (isHboneRefusal(error)) return `CONNECT ${error.status}`;
    throw error;
  }
}

/** The first text of a connection, `closed`, or the refusal of its tunnel. */
async function hear(account: string, authority: string, say = ''): Promise<string> {
  try {
    const stream = await (await as(account)).connect(authority);
    return await new Promise((resolve) => {
      stream.once('data', (chunk: Buffer) => resolve(chunk.toString().split('\n')[0] ?? ''));
      stream.once('close', () => resolve('closed'));
      if (say !== '') stream.write(say);
    });
  } catch (error) {
    if (isHboneRefusal(error)) return `CONNECT ${error.status}`;
    throw error;
  }
}

/** The services of which the proxy has a cluster. */
async function loaded(): Promise<readonly string[]> {
  const text = await waypoint.envoy.adminGet('/clusters?format=json');
  return [...new Set([...text.matchAll(/inbound-vip[|]80[|]http[|](s\d+)[.]/g)].map(([, name]) => name ?? ''))].sort();
}

beforeAll(async () => {
  echo = await startEcho(workload, 8080, { name: 'echo' });
  banner = await startTcpBanner(workload, bannerPort, 'welcome\n');
  waypoint = await startServedWaypoint(everything(), host, { onDemandAbove: 10, timeout: 30_000 });
}, 60_000);

afterAll(async () => {
  for (const connection of connections.values()) await (await connection).close();
  await waypoint.stop();
  await Promise.all([echo.close(), banner.close()]);
});

describe('a service that nobody asked for', () => {
  it('is not loaded, and its scopes are', async () => {
    await waypoint.synced();
    expect(await loaded()).toEqual([]);
    const types = waypoint.status()?.types ?? {};
    expect(types[typeUrls.scopedRoute]?.acked).toBe(count * 3);
    expect(types[typeUrls.routeConfiguration]?.acked ?? 0).toBe(0);
  });

  it.each([
    ['a request', {}, '200 s1'],
    ['a body', { method: 'POST', body: 'x'.repeat(5) }, '200 s2'],
    ['a large body', { method: 'POST', body: 'x'.repeat(200_000) }, '200 s3'],
    [
      'a body in chunks',
      { method: 'POST', headers: { 'transfer-encoding': 'chunked' }, body: '3\r\nabc\r\n0\r\n\r\n' },
      '200 s4',
    ],
    ['a request that a rule answers', { path: '/fault' }, '418'],
  ] as const)('answers its first client, with %s, as the next one', async (_, request, expected) => {
    const index = next();
    const own = expected.replace(/s\d+/, `s${index}`);
    expect(await ask('friend', `${addressOf(index)}:80`, request)).toBe(own);
    expect(await ask('friend', `${addressOf(index)}:80`, request)).toBe(own);
  });

  it.each([
    ['a request', {}],
    ['a body', { method: 'POST', body: 'x'.repeat(100) }],
    ['a large body', { method: 'POST', body: 'x'.repeat(200_000) }],
    ['an upgrade', { headers: { connection: 'upgrade', upgrade: 'websocket' } }],
    ['a request that a rule answers', { path: '/fault' }],
  ] as const)('refuses its first client, with %s, as the next one', async (_, request) => {
    const index = next();
    const before = echo.requests().length;
    expect(await ask('enemy', `${addressOf(index)}:80`, request)).toBe('403');
    expect(await ask('enemy', `${addressOf(index)}:80`, request)).toBe('403');
    expect(echo.requests().length).toBe(before);
  });

  it('decides about its first connections: declared TCP, and TCP that is found by sniffing', async () => {
    const index = next();
    const before = banner.connectionCount();
    expect(await hear('enemy', `${addressOf(index)}:81`)).toBe('CONNECT 403');
    expect(await hear('enemy', `${addressOf(index)}:82`, 'hello\n')).toBe('closed');
    expect(banner.connectionCount()).toBe(before);
    expect(await hear('friend', `${addressOf(index)}:81`)).toBe('welcome');
    expect(await hear('friend', `${addressOf(index)}:82`, 'hello\n')).toBe('welcome');
    expect(await ask('enemy', `${addressOf(index)}:82`)).toBe('403');
  });

  it('answers many first clients at once, each by its own rules', async () => {
    const indices = [next(), next(), next(), next()];
    const asked = indices.flatMap((index) =>
      Array.from({ length: 8 }, async (_, one) => {
        const account = one % 2 === 0 ? 'friend' : 'enemy';
        return [await ask(account, `${addressOf(index)}:80`), account === 'friend' ? `200 s${index}` : '403'];
      }),
    );
    for (const [got, due] of await Promise.all(asked)) expect(got).toBe(due);
  });

  it('is alone loaded when it is asked for', async () => {
    const before = await loaded();
    const index = next();
    await ask('friend', `${addressOf(index)}:80`);
    expect(await loaded()).toEqual([...before, `s${index}`].sort());
  });

  it('cannot be named by a header of the client', async () => {
    const known = next();
    const other = next();
    await ask('friend', `${addressOf(known)}:80`);
    const forged = `in|inbound-vip|80|http|s${other}.bench.svc.cluster.local`;
    for (const name of ['x-cairn-frontend', 'X-Cairn-Frontend', 'X-CAIRN-FRONTEND']) {
      expect(await ask('friend', `${addressOf(known)}:80`, { headers: { [name]: forged } })).toBe(`200 s${known}`);
    }
    const seen = echo.requests().at(-1);
    expect(Object.fromEntries(seen?.headers ?? [])).not.toHaveProperty('x-cairn-frontend');
    const stream = await (
      await as('friend')
    ).connect(`${addressOf(known)}:80`, {
      'x-cairn-tunnel': `out|${addressOf(other)}:80`,
    });
    const { headers } = await requestThrough(stream, { path: '/' });
    expect(headers['x-service']).toBe(`s${known}`);
    await expect(
      (await as('friend')).connect('10.5.1.1:80', { 'x-cairn-tunnel': `out|${addressOf(known)}:80` }),
    ).rejects.toThrow('404');
  });

  it('can be added, edited and removed before and after it is asked for', async () => {
    const added = objectsOf(makeService(200));
    waypoint.apply(added.map((object) => ({ type: 'put', object })));
    expect(await untilNot('CONNECT 404', () => ask('friend', `${addressOf(200)}:80`))).toBe('200 s200');
    const index = next();
    const closed = objectsOf(makeService(index).replace('sa/friend', 'sa/nobody'));
    waypoint.apply(closed.map((object) => ({ type: 'put', object })));
    expect(await ask('friend', `${addressOf(index)}:80`)).toBe('403');
    const removed = added.map(({ kind, metadata: { namespace, name } }) => ({ kind, namespace, name }));
    waypoint.apply(removed.map((ref) => ({ type: 'delete', ref })));
    expect(await untilNot('200 s200', () => ask('friend', `${addressOf(200)}:80`))).toBe('CONNECT 404');
  });
});

describe('without a control plane', () => {
  let known = 0;

  beforeAll(async () => {
    known = next();
    await ask('friend', `${addressOf(known)}:80`);
    await waypoint.synced();
    await waypoint.leave();
  });

  it('services that were asked for before go on, by their rules', async () => {
    expect(await ask('friend', `${addressOf(known)}:80`)).toBe(`200 s${known}`);
    expect(await ask('enemy', `${addressOf(known)}:80`)).toBe('403');
  });

  it('the first client of another service is told after 5 s, and served when it is back', async () => {
    const index = next();
    const since = performance.now();
    expect(await ask('friend', `${addressOf(index)}:80`, { timeout: 20_000 })).toBe('CONNECT 408');
    expect(performance.now() - since).toBeGreaterThan(4_500);
    const before = await loaded();
    await waypoint.comeBack();
    // Envoy connects again when its own time has come.
    expect(await untilNot('CONNECT 408', () => ask('friend', `${addressOf(index)}:80`))).toBe(`200 s${index}`);
    await waypoint.synced();
    // It has forgotten what was asked for; the proxy has not, and lost nothing.
    expect(await loaded()).toEqual(expect.arrayContaining([...before]));
    expect(await ask('friend', `${addressOf(known)}:80`)).toBe(`200 s${known}`);
    expect(await ask('enemy', `${addressOf(index)}:80`)).toBe('403');
  }, 60_000);
});

describe('a waypoint of few services', () => {
  it('needs no control plane for the first client of a service', async () => {
    const place = randomLoopback();
    const few = [frame.replace(host, place), ...[1, 2, 3].map(makeService)].join('');
    const small = await startServedWaypoint(objectsOf(few), place, { onDemandAbove: 10, timeout: 30_000 });
    await small.synced();
    await small.leave();
    const friend = await small.connectAs('friend');
    const enemy = await small.connectAs('enemy');
    const status = async (connection: HboneConnection, port: string): Promise<number> =>
      (await requestThrough(await connection.connect(port), { path: '/' })).status;
    expect(await status(friend, `${addressOf(1)}:80`)).toBe(200);
    expect(await status(enemy, `${addressOf(2)}:80`)).toBe(403);
    await expect(enemy.connect(`${addressOf(3)}:81`)).rejects.toThrow('403');
    await Promise.all([friend.close(), enemy.close()]);
    await small.stop();
  }, 60_000);
});

let used = 0;
/** A service that no test has asked for. */
function next(): number {
  used += 1;
  return used;
}

async function untilNot(old: string, look: () => Promise<string>): Promise<string> {
  for (let left = 200; left > 0; left -= 1) {
    const seen = await look();
    if (seen !== old) return seen;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return old;
}
