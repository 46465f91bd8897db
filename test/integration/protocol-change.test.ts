// A port changes its protocol while a policy denies a client, on a real Envoy that takes each
// change by delta ADS. The place of the verdict follows the protocol: on the CONNECT for declared
// TCP, in the filter chain if the protocol is sniffed, in the routes for HTTP. Nothing of the
// denied client may reach the workload in between.

import type { ClientHttp2Stream } from 'node:http2';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AnyMeshObject } from '../../mesh/index.ts';
import { randomLoopback } from '../support/envoy.ts';
import type { HboneConnection } from '../support/hbone-client.ts';
import { type ServedWaypoint, startServedWaypoint } from '../support/served-waypoint.ts';

const changes = 20;
const clients = 6;
const workload = randomLoopback();

const make = (kind: AnyMeshObject['kind'], namespace: string, name: string, spec: unknown, more = {}): AnyMeshObject =>
  ({
    apiVersion: 'v1',
    kind,
    metadata: { name, namespace, labels: {}, annotations: {}, ...more },
    spec,
  }) as AnyMeshObject;

const service = (name: string, clusterIP: string, port: object): AnyMeshObject =>
  make('Service', 'bench', name, { clusterIP, selector: { app: 'app' }, ports: [{ port: 7000, ...port }] });

const entry = (address: string): AnyMeshObject =>
  make('ServiceEntry', 'bench', 'entry', {
    hosts: ['entry.example'],
    addresses: [address],
    location: 'MESH_INTERNAL',
    resolution: 'STATIC',
    ports: [{ number: 7000, name: 'tcp', protocol: 'TCP' }],
    workloadSelector: { labels: { app: 'app' } },
  });

const deny = (kind: string, name: string): AnyMeshObject =>
  make('AuthorizationPolicy', 'bench', name, {
    action: 'DENY',
    targetRefs: [{ group: kind === 'Service' ? '' : 'networking.istio.io', kind, name }],
    rules: [{ from: [{ source: { principals: ['cluster.local/ns/bench/sa/thief'] } }] }],
  });

const frame = (host: string): readonly AnyMeshObject[] => [
  make('Namespace', '', 'bench', {}, { labels: { 'istio.io/use-waypoint': 'waypoint' } }),
  make(
    'Gateway',
    'bench',
    'waypoint',
    { gatewayClassName: 'istio-waypoint', listeners: [{ name: 'mesh', port: 15008, protocol: 'HBONE' }] },
    { annotations: { 'cairn.dev/listen-address': host } },
  ),
  make('WorkloadEntry', 'bench', 'app', { address: workload, labels: { app: 'app' } }),
  // Its port is sniffed and stays so: a listener whose filters do not change is updated in place.
  service('other', '10.9.0.2', { name: 'any' }),
  deny('Service', 'moved'),
  deny('ServiceEntry', 'entry'),
];

let waypoint: ServedWaypoint;
/** The bytes that the workload received, a text for each connection. */
let heardBy: string[] = [];

/**
 * Answers in HTTP when the client has spoken, and greets a client that is silent: it serves every
 * protocol.
 */
const app = createServer((socket) => {
  const index = heardBy.push('') - 1;
  const answer = (): void => void socket.end('HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello');
  const silence = setTimeout(answer, 5);
  socket.on('data', (chunk) => {
    heardBy[index] += chunk.toString();
    clearTimeout(silence);
    if (!socket.writableEnded) answer();
  });
  socket.on('error', () => undefined);
});

beforeAll(async () => {
  const host = randomLoopback();
  await new Promise<void>((resolve) => void app.listen(7000, workload, resolve));
  const first = [service('moved', '10.9.0.1', { name: 'tcp' }), entry('10.9.0.3')];
  waypoint = await startServedWaypoint([...frame(host), ...first], host);
  await waypoint.synced();
}, 90_000);

afterAll(async () => {
  await waypoint.stop();
  app.close();
});

/** Bytes of an HTTP request, which every protocol takes for its own. */
const request = (account: string): string => `GET /${account} HTTP/1.1\r\nhost: moved\r\n\r\n`;

/**
 * Opens a stream, waits, and writes; resolves to the answer, when it ends or no more is to be
 * expected.
 */
async function talk(connection: HboneConnection, authority: string, words: string, silent: number): Promise<string> {
  const stream = await connection.connect(authority);
  let heard = '';
  stream.on('data', (chunk: Buffer) => (heard += chunk.toString()));
  stream.on('error', () => undefined);
  await sleep(silent);
  if (!stream.destroyed) stream.write(words);
  await ended(stream, 60);
  stream.destroy();
  return heard;
}

async function ended(stream: ClientHttp2Stream, timeout: number): Promise<void> {
  const end = new Promise<void>((resolve) => void stream.once('close', resolve).once('end', resolve));
  await Promise.race([end, sleep(timeout)]);
}

interface Outcome {
  /** The bytes of the denied client that the workload received. */
  readonly leaks: number;
  readonly denied: number;
  readonly allowed: number;
  readonly failed: number;
}

/** The clients' answers while one object went through its forms, again and again. */
async function changeUnderTraffic(forms: readonly AnyMeshObject[], authority: string): Promise<Outcome> {
  const counts = { leaks: 0, denied: 0, allowed: 0, failed: 0 };
  const end = new AbortController();
  const work = async (account: string, silent: number): Promise<void> => {
    while (!end.signal.aborted) {
      const connection = await waypoint.connectAs(account);
      for (let count = 0; count < 100 && !end.signal.aborted; count += 1) {
        const heard = await talk(connection, authority, request(account), silent).catch(() => '');
        const isServed = heard.includes('hello');
        if (account === 'thief') counts[isServed ? 'leaks' : 'denied'] += 1;
        else counts[isServed ? 'allowed' : 'failed'] += 1;
      }
      await connection.close();
    }
  };
  const load = [
    ...Array.from({ length: clients }, () => work('thief', 0)),
    // They open the tunnel before a change, and speak after it.
    ...Array.from({ length: clients }, (_, index) => work('thief', 20 + 15 * index)),
    work('friend', 0),
  ];
  for (let change = 1; change <= changes; change += 1) {
    const object = forms[change % forms.length];
    if (object !== undefined) waypoint.apply([{ type: 'put', object }]);
    await waypoint.synced();
    await sleep(100);
  }
  end.abort();
  await Promise.all(load);
  return counts;
}

describe('nothing of a denied client comes through while a port turns', () => {
  const moved = (port: object): AnyMeshObject => service('moved', '10.9.0.1', port);
  const cases: readonly [string, readonly AnyMeshObject[], string][] = [
    ['from declared TCP to sniffed and back', [moved({ name: 'tcp' }), moved({ name: 'any' })], '10.9.0.1:7000'],
    ['from declared TCP to HTTP and back', [moved({ name: 'tcp' }), moved({ name: 'http' })], '10.9.0.1:7000'],
    ['from sniffed to HTTP and back', [moved({ name: 'any' }), moved({ appProtocol: 'http' })], '10.9.0.1:7000'],
    ['from an address to a range and back', [entry('10.9.0.3'), entry('10.9.0.0/30')], '10.9.0.3:7000'],
  ];

  it.each(cases)(
    '%s',
    async (_, forms, authority) => {
      waypoint.apply(forms.slice(0, 1).map((object) => ({ type: 'put', object })));
      await waypoint.synced();
      await sleep(100);
      heardBy = [];
      const outcome = await changeUnderTraffic(forms, authority);
      expect(heardBy.filter((text) => text.includes('/thief')).length).toBe(0);
      expect(outcome.leaks).toBe(0);
      expect(outcome.denied).toBeGreaterThan(changes);
      expect(outcome.allowed).toBeGreaterThan(0);
      expect(waypoint.refusals).toEqual([]);
    },
    120_000,
  );
});
