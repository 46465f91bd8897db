// The speed of uploads over a long wire: client → node proxy → wire → waypoint → node proxy →
// server, against client → wire → server. The Envoys run Cairn's configuration for them, in its
// static form, which can name the wire as the waypoint's address.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { connect, createServer, type Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { translateNode, translateWaypoint } from '../../generator/index.ts';
import type { SocketAddress } from '../../test/support/envoy.ts';
import { allocateBlock } from '../../test/support/loopback.ts';
import { readMesh, testMachine } from '../../test/support/mesh.ts';
import type { WireOrder } from './long-wire.ts';
import { type Report, type Row, summarize } from './report.ts';
import { makeCertificates, startProxy } from './static-proxy.ts';

/** The choice of measurements. */
export interface UploadOptions {
  /** Uploads of each kind by each way. */
  readonly count: number;
  readonly megabytes: number;
  /** Milliseconds there and back; each is measured without delay too. */
  readonly delay: number;
}

const ports = { HTTP: 8000, TCP: 9000 } as const;
type Protocol = keyof typeof ports;
const protocols = ['HTTP', 'TCP'] as const;
const ways = ['no mesh', 'waypoint'] as const;

/** Runs the benchmark. */
export async function measureUploads({ count, megabytes, delay }: UploadOptions): Promise<Report> {
  const block = await allocateBlock();
  const at: Places = {
    node: block.address(0, 2),
    waypoint: block.address(0, 10),
    wire: block.address(0, 11),
    client: block.address(1, 1),
    server: block.address(1, 2),
    service: block.address(128, 1),
  };
  const stopServers = await startServers(at.server);
  const wire = await startWire(at);
  const stopMesh = await startMesh(at);
  const took = new Map<string, { first: number[]; rate: number[] }>();
  const cases = [0, delay].flatMap((ms) => protocols.flatMap((protocol) => ways.map((way) => ({ ms, protocol, way }))));
  try {
    for (const { protocol, way } of cases) await upload(at, { protocol, way, bytes: 1_000_000 });
    // In turns, so that other work of the machine affects all of them.
    for (let round = 0; round < count; round += 1) {
      for (const { ms, protocol, way } of cases) {
        await wire.ask({ delayMs: ms / 2 });
        const key = `${ms} ${protocol} ${way}`;
        const { first, rate } = took.get(key) ?? { first: [], rate: [] };
        took.set(key, { first, rate });
        first.push((await upload(at, { protocol, way, bytes: 1 })) * 1000);
        rate.push(megabytes / (await upload(at, { protocol, way, bytes: megabytes * 1e6 })));
      }
    }
    const rows = cases.map(({ ms, protocol, way }): Row => {
      const { first, rate } = took.get(`${ms} ${protocol} ${way}`) ?? { first: [], rate: [] };
      return { 'delay ms': ms, protocol, way, '1 byte ms': summarize(first), 'MB/s': summarize(rate) };
    });
    return { benchmark: `uploads of ${megabytes} MB`, rows };
  } finally {
    await Promise.all([stopMesh(), stopServers(), wire.stop(), block.release()]);
  }
}

type Places = Readonly<Record<'node' | 'waypoint' | 'wire' | 'client' | 'server' | 'service', string>>;

interface Upload {
  readonly protocol: Protocol;
  readonly way: (typeof ways)[number];
  readonly bytes: number;
}

const block = Buffer.alloc(64 * 1024, 'x');

/** Seconds from connecting to the server's answer that everything has arrived. */
async function upload(at: Places, { protocol, way, bytes }: Upload): Promise<number> {
  const host = way === 'waypoint' ? at.service : at.wire;
  const began = performance.now();
  const socket = connect({ host, port: ports[protocol], localAddress: at.client, noDelay: true });
  const answered = readCount(socket);
  const blocks = function* (): Generator<Buffer> {
    for (let left = bytes; left > 0; left -= block.length) yield block.subarray(0, Math.min(left, block.length));
  };
  const isTcp = protocol === 'TCP';
  if (!isTcp) socket.write(`PUT / HTTP/1.1\r\nhost: web\r\ncontent-length: ${bytes}\r\nconnection: close\r\n\r\n`);
  await pipeline(blocks, socket, { end: isTcp });
  const arrived = await answered;
  const seconds = (performance.now() - began) / 1000;
  socket.destroy();
  if (arrived !== bytes) throw new Error(`${protocol}, ${way}: ${arrived} of ${bytes} bytes arrived`);
  return seconds;
}

function readCount(socket: Socket): Promise<number> {
  return new Promise((resolve, reject) => {
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      const count = /(?:^|\r\n)(\d+)\n$/.exec(text)?.[1];
      if (count !== undefined) resolve(Number(count));
    });
    socket.once('error', reject);
    socket.once('close', () => reject(new Error(`closed: ${text}`)));
  });
}

/** Servers that count the bytes that they are sent and answer the number in a line. */
async function startServers(address: string): Promise<() => Promise<void>> {
  const http = createHttpServer((request, response) => {
    let count = 0;
    request.on('data', (chunk: Buffer) => (count += chunk.length));
    request.on('end', () => response.end(`${count}\n`));
  });
  const tcp = createServer({ allowHalfOpen: true }, (socket) => {
    let count = 0;
    socket.on('error', () => {});
    socket.on('data', (chunk) => (count += chunk.length));
    socket.on('end', () => socket.end(`${count}\n`));
  });
  const listening = [http.listen(ports.HTTP, address), tcp.listen(ports.TCP, address)];
  await Promise.all(listening.map((server) => once(server, 'listening')));
  return async () => {
    http.closeAllConnections();
    await Promise.all(listening.map((server) => new Promise((resolve) => server.close(resolve))));
  };
}

interface Wire {
  ask(order: WireOrder): Promise<void>;
  stop(): Promise<void>;
}

/** At one address the wire leads to the waypoint, and for clients without a mesh to the server. */
async function startWire(at: Places): Promise<Wire> {
  const child = fork(fileURLToPath(new URL('long-wire.ts', import.meta.url)), [], { execArgv: ['--import', 'tsx'] });
  const ask = async (order: WireOrder): Promise<void> => {
    const done = once(child, 'message');
    child.send(order);
    await done;
  };
  const route = (to: string, port: number): { from: SocketAddress; to: SocketAddress } => ({
    from: { address: at.wire, port },
    to: { address: to, port },
  });
  await ask({
    routes: [route(at.waypoint, 15_008), route(at.server, ports.HTTP), route(at.server, ports.TCP)],
    delayMs: 0,
  });
  return {
    ask,
    stop: async () => {
      const exited = once(child, 'exit');
      child.disconnect();
      await exited;
    },
  };
}

/**
 * A waypoint and the node proxy of everybody else, to which the wire's address is the waypoint's.
 */
async function startMesh(at: Places): Promise<() => Promise<void>> {
  const { store } = readMesh({ 'mesh.yaml': renderManifests(at) }, { machine: testMachine });
  const certificates = await makeCertificates('shop', { waypoints: ['waypoint'], workloads: ['client', 'web'] });
  const translated = translateWaypoint(store, { namespace: 'shop', name: 'waypoint' }).resources;
  const proxies = [
    await startProxy(
      { role: 'waypoint', namespace: 'shop', address: at.waypoint },
      translated,
      certificates.waypoint('waypoint'),
    ),
    await startProxy(
      { role: 'ztunnel', namespace: 'shop', address: at.node },
      translateNode(store, { address: at.node }).resources,
      certificates.node,
    ),
  ];
  return async () => {
    await Promise.all(proxies.map((proxy) => proxy.stop()));
    certificates.remove();
  };
}

const renderManifests = (at: Places): string => `
apiVersion: v1
kind: Namespace
metadata: { name: shop, labels: { istio.io/use-waypoint: waypoint } }
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: waypoint, namespace: shop, annotations: { cairn.dev/listen-address: ${at.waypoint} } }
spec:
  gatewayClassName: istio-waypoint
  listeners: [{ name: mesh, port: 15008, protocol: HBONE }]
  addresses: [{ value: ${at.wire} }]
---
apiVersion: v1
kind: Service
metadata: { name: web, namespace: shop }
spec:
  clusterIP: ${at.service}
  selector: { app: web }
  ports: [{ name: http, port: ${ports.HTTP} }, { name: tcp, port: ${ports.TCP} }]
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: web, namespace: shop, annotations: { ambient.istio.io/redirection: enabled } }
spec: { address: ${at.server}, labels: { app: web }, serviceAccount: web }
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: client, namespace: shop, annotations: { ambient.istio.io/redirection: enabled } }
spec: { address: ${at.client}, labels: { app: client }, serviceAccount: client }
`;
