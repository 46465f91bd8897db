// While routes, weights, subsets, policies, services and endpoints change over and over, every
// request gets the answer of the configuration before or after the change, and open streams stay
// open: on a real Envoy that takes each change by delta ADS.

import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { type ClientHttp2Stream, connect as connectHttp2, createServer as createHttp2Server } from 'node:http2';
import { createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type AnyMeshObject, type MeshChange, refOf } from '../../mesh/index.ts';
import { countOf, seed } from '../support/counts.ts';
import { randomLoopback } from '../support/envoy.ts';
import { type HboneConnection, type HttpResponse, requestThrough } from '../support/hbone-client.ts';
import { makeObject, makeWaypoint } from '../support/objects.ts';
import { type ServedWaypoint, startServedWaypoint } from '../support/served-waypoint.ts';

const edits = countOf('editsUnderTraffic');
const requestsPerSecond = 200;
const openStreams = 100;
/** Workers of Envoy take a change a moment after its main thread has accepted it. */
const grace = 300;

/** The state of a service at one moment; `undefined` if there is none. */
interface ServiceState {
  readonly revision: number;
  /** Which subset requests go to; `both`: by weights. */
  readonly to: 'v1' | 'v2' | 'both' | 'v3';
  readonly weight: number;
  readonly deniesAdmin: boolean;
  /** Which workload of two each version has. */
  readonly v1: 'a' | 'b' | 'ab';
  readonly v2: 'c' | 'd' | 'cd';
  readonly connections: number;
}

const permanent = ['s0', 's1', 's2', 's3'];
const passing = ['p0', 'p1', 'p2'];
const names = [...permanent, ...passing];
const first: ServiceState = {
  revision: 1,
  to: 'v1',
  weight: 50,
  deniesAdmin: false,
  v1: 'a',
  v2: 'c',
  connections: 1000,
};

const workloads = Object.fromEntries(['a', 'b', 'c', 'd'].map((name) => [name, randomLoopback()]));
const addressOf = (service: string): string => `10.9.0.${names.indexOf(service) + 1}`;
const make = (kind: AnyMeshObject['kind'], name: string, spec: unknown): AnyMeshObject =>
  makeObject(kind, 'bench', name, spec);

function objectsOf(name: string, state: ServiceState): readonly AnyMeshObject[] {
  const to = (subset: string, weight: number): object => ({ destination: { host: name, subset }, weight });
  const route = state.to === 'both' ? [to('v1', state.weight), to('v2', 100 - state.weight)] : [to(state.to, 100)];
  const subset = (own: string, version: string): object => ({ name: own, labels: { version } });
  return [
    make('Service', name, {
      clusterIP: addressOf(name),
      selector: { app: name },
      ports: [{ name: 'http', port: 80, targetPort: 8080 }],
    }),
    ...`${state.v1}${state.v2}`.split('').map((workload) =>
      make('WorkloadEntry', `${name}-${workload}`, {
        address: workloads[workload],
        labels: { app: name, version: workload < 'c' ? 'v1' : 'v2' },
      }),
    ),
    make('DestinationRule', name, {
      host: name,
      trafficPolicy: { connectionPool: { tcp: { maxConnections: state.connections } } },
      subsets: [subset('v1', 'v1'), subset('v2', 'v2'), ...(state.to === 'v3' ? [subset('v3', 'v2')] : [])],
    }),
    make('VirtualService', name, {
      hosts: [name],
      http: [{ route, headers: { response: { set: { 'x-revision': String(state.revision) } } } }],
    }),
    ...(state.deniesAdmin
      ? [
          make('AuthorizationPolicy', name, {
            action: 'DENY',
            targetRefs: [{ group: '', kind: 'Service', name }],
            rules: [{ to: [{ operation: { paths: ['/admin'] } }] }],
          }),
        ]
      : []),
  ];
}

/** The changes from one state of a service to another, in one batch. */
function changesBetween(name: string, before: ServiceState | undefined, after: ServiceState | undefined): MeshChange[] {
  const old = new Map((before === undefined ? [] : objectsOf(name, before)).map((one) => [key(one), one]));
  const now = after === undefined ? [] : objectsOf(name, after);
  for (const one of now) old.delete(key(one));
  return [
    ...now.map((object): MeshChange => ({ type: 'put', object })),
    ...[...old.values()].map((one): MeshChange => ({ type: 'delete', ref: refOf(one) })),
  ];
}

function key(object: AnyMeshObject): string {
  return `${object.kind}/${object.metadata.name}`;
}

/** A generator of numbers, so that a failure can be had again. */
function randomOf(first: number): () => number {
  let state = first;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

function editOf(name: string, state: ServiceState | undefined, random: () => number): ServiceState | undefined {
  if (state === undefined) return first;
  const pick = <T>(...values: readonly T[]): T => values[Math.floor(random() * values.length)] as T;
  const kind = pick(
    'revision',
    'to',
    'weight',
    'policy',
    'endpoints',
    'pool',
    ...(name.startsWith('p') ? ['gone'] : []),
  );
  switch (kind) {
    case 'revision':
      return { ...state, revision: state.revision + 1 };
    case 'to':
      return { ...state, revision: state.revision + 1, to: pick('v1', 'v2', 'v3', 'both') };
    case 'weight':
      return { ...state, to: 'both', weight: pick(0, 10, 50, 90, 100) };
    case 'policy':
      return { ...state, deniesAdmin: !state.deniesAdmin };
    case 'endpoints':
      return { ...state, v1: pick('a', 'b', 'ab'), v2: pick('c', 'd', 'cd') };
    case 'pool':
      return { ...state, connections: state.connections + 1 };
    default:
      return undefined;
  }
}

/** The answers that a state allows. */
function isAllowed(state: ServiceState | undefined, path: string, response: HttpResponse | undefined): boolean {
  // Nobody is told that a service is not there in any certain way.
  if (state === undefined) return true;
  if (response === undefined) return false;
  if (state.deniesAdmin && path === '/admin') return response.status === 403;
  const from = response.body;
  const isV1 = state.to !== 'v2' && state.to !== 'v3' && !(state.to === 'both' && state.weight === 0);
  const isV2 = state.to === 'v2' || state.to === 'v3' || (state.to === 'both' && state.weight !== 100);
  // Endpoints and routes are two resources, which a change may bring one after the other: the place
  // of a workload is judged by its version.
  return (
    response.status === 200 &&
    response.headers['x-revision'] === String(state.revision) &&
    ((isV1 && 'ab'.includes(from)) || (isV2 && 'cd'.includes(from)))
  );
}

interface Period {
  readonly state: ServiceState | undefined;
  readonly from: number;
  until: number;
}

let waypoint: ServedWaypoint;
const servers: Server[] = [];
const sockets = new Set<Socket>();

beforeAll(async () => {
  const host = randomLoopback();
  for (const [name, address] of Object.entries(workloads)) servers.push(await startWorkload(name, address));
  const objects = [...makeWaypoint('bench', host), ...names.flatMap((name) => objectsOf(name, first))];
  // The resources of an edit come in as many steps as they can be cut into.
  waypoint = await startServedWaypoint(objects, host, { partByPart: true });
  await waypoint.synced();
}, 90_000);

afterAll(async () => {
  await waypoint.stop();
  for (const socket of sockets) socket.destroy();
  for (const server of servers) server.close();
});

/** Answers its name, echoes an upgraded connection, and keeps HTTP/2 streams open. */
async function startWorkload(name: string, address: string): Promise<Server> {
  const http1 = createHttpServer((request, response) => {
    request.resume();
    response.end(name);
  });
  http1.keepAliveTimeout = 0;
  http1.on('upgrade', (_request, socket: Duplex) => {
    socket.on('error', () => undefined);
    socket.write('HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n');
    socket.pipe(socket);
  });
  const http2 = createHttp2Server();
  http2.on('stream', (stream) => {
    stream.on('error', () => undefined);
    stream.respond({ ':status': 200 });
    stream.pipe(stream);
  });
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    socket.once('data', (chunk: Buffer) => {
      socket.pause();
      socket.unshift(chunk);
      const isHttp2 = chunk.toString('latin1', 0, 3) === 'PRI';
      (isHttp2 ? http2 : http1).emit('connection', socket);
      if (!isHttp2) socket.resume();
    });
  });
  server.listen({ host: address, port: 8080, backlog: 1024 });
  await once(server, 'listening');
  return server;
}

/** A stream that is open until it is reset. */
interface LongStream {
  readonly duplex: Duplex;
  ended: string | undefined;
}

function watch(duplex: Duplex): LongStream {
  const stream: LongStream = { duplex, ended: undefined };
  const note = (how: string) => (): void => void (stream.ended ??= how);
  for (const event of ['error', 'close', 'end']) duplex.on(event, note(event));
  return stream;
}

async function openWebSocket(connection: HboneConnection, service: string): Promise<LongStream> {
  const stream = await connection.connect(`${addressOf(service)}:80`);
  stream.write('GET /socket HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n');
  const [answer] = (await once(stream, 'data')) as [Buffer];
  expect(answer.toString('latin1')).toContain(' 101 ');
  return watch(stream);
}

async function openHttp2(connection: HboneConnection, service: string): Promise<LongStream> {
  const tunnel = await connection.connect(`${addressOf(service)}:80`);
  const session = connectHttp2('http://inside', { createConnection: () => tunnel });
  session.on('error', () => undefined);
  const stream: ClientHttp2Stream = session.request({ ':method': 'POST', ':path': '/stream' }, { endStream: false });
  stream.on('error', () => undefined);
  // The workload is spoken to in HTTP/1.1, which answers when the request ends: only that the
  // stream stays is looked at.
  stream.write('hello');
  return watch(stream);
}

it('gives every request the configuration before or after, and resets no stream', async () => {
  const random = randomOf(seed);
  const history = new Map<string, Period[]>(names.map((name) => [name, [{ state: first, from: 0, until: Infinity }]]));
  const wrong: string[] = [];
  let count = 0;

  const connections = await Promise.all(Array.from({ length: 8 }, () => waypoint.connectAs('client')));
  const longConnections = await Promise.all(Array.from({ length: 2 }, () => waypoint.connectAs('watcher')));
  const long = await Promise.all(
    Array.from({ length: openStreams }, (_, index) => {
      const connection = longConnections[index % longConnections.length] as HboneConnection;
      const service = permanent[index % permanent.length] ?? '';
      return index % 4 < 2 ? openWebSocket(connection, service) : openHttp2(connection, service);
    }),
  );

  const judge = (name: string, path: string, start: number, response: HttpResponse | undefined, how: string): void => {
    const end = performance.now();
    const periods = (history.get(name) ?? []).filter(({ from, until }) => from <= end && until + grace >= start);
    count += 1;
    if (periods.some(({ state }) => isAllowed(state, path, response))) return;
    const got = response === undefined ? how : `${response.status} ${response.headers['x-revision']} ${response.body}`;
    wrong.push(`${name} ${path}: ${got}, of ${JSON.stringify(periods.map(({ state }) => state))}`);
  };

  const end = new AbortController();
  const work = async (connection: HboneConnection, index: number): Promise<void> => {
    const pause = (1000 * connections.length) / requestsPerSecond;
    const choose = randomOf(seed + index + 1);
    const kept = new Map<string, Duplex>();
    let next = performance.now();
    while (!end.signal.aborted) {
      next += pause;
      const name = names[Math.floor(choose() * names.length)] ?? '';
      const path = choose() < 0.3 ? '/admin' : '/';
      const start = performance.now();
      try {
        // Half of the requests have a tunnel of their own.
        const known = kept.get(name);
        const isKept = choose() < 0.5;
        const isUsable = known !== undefined && !known.destroyed && !known.readableEnded;
        const stream = isKept && isUsable ? known : await connection.connect(`${addressOf(name)}:80`);
        const response = await requestThrough(stream, { path, timeout: 10_000 });
        judge(name, path, start, response, '');
        // A service that went away and came back asks the clients of its earlier life to connect
        // again.
        if (isKept && response.headers['connection'] !== 'close') kept.set(name, stream);
        else {
          if (stream === known) kept.delete(name);
          stream.destroy();
        }
      } catch (error) {
        judge(name, path, start, undefined, `${kept.has(name) ? 'with' : 'without'} a kept tunnel: ${String(error)}`);
        kept.delete(name);
      }
      await sleep(Math.max(0, next - performance.now()));
    }
  };
  const load = Promise.all(connections.map(work));
  const began = performance.now();
  for (let edit = 0; edit < edits;) {
    // Of several services at a time, so that the resources of one edit come between those of
    // another.
    const chosen = new Set(Array.from({ length: 3 }, () => names[Math.floor(random() * names.length)] ?? ''));
    const replaced: Period[] = [];
    for (const name of chosen) {
      const periods = history.get(name) ?? [];
      const current = periods.at(-1);
      const after = editOf(name, current?.state, random);
      if (current !== undefined) replaced.push(current);
      periods.push({ state: after, from: performance.now(), until: Infinity });
      waypoint.apply(changesBetween(name, current?.state, after));
      edit += 1;
    }
    await waypoint.synced();
    for (const period of replaced) period.until = performance.now();
    // Envoy needs some time for itself, and requests are to fall between two changes too.
    await sleep(random() * 80);
  }
  const seconds = (performance.now() - began) / 1000;
  end.abort();
  await load;

  const ended = long.flatMap((stream, index) => (stream.ended === undefined ? [] : [`${index}: ${stream.ended}`]));
  for (const { duplex } of long) duplex.destroy();
  await Promise.all([...connections, ...longConnections].map((connection) => connection.close()));
  expect(waypoint.refusals).toEqual([]);
  expect(wrong.slice(0, 10)).toEqual([]);
  expect(ended).toEqual([]);
  expect(count).toBeGreaterThan((requestsPerSecond * seconds) / 4);
});
