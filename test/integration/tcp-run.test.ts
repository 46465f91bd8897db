// TCP rules of a running mesh: an edit moves new connections, and leaves those that are open alone.

import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { allocateBlock } from '../support/loopback.ts';
import { startProcess, stopAll, waitFor } from '../support/processes.ts';
import { startTcpBanner, type Workload } from '../support/workload.ts';

const root = resolve(import.meta.dirname, '../..');
const port = 5432;
const manifests = `
apiVersion: v1
kind: Namespace
metadata: { name: shop, labels: { istio.io/use-waypoint: waypoint } }
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: waypoint, namespace: shop }
spec: { gatewayClassName: istio-waypoint, listeners: [{ name: mesh, port: 15008, protocol: HBONE }] }
---
${['blue', 'green']
  .map(
    (name) => `
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop }
spec: { selector: { app: ${name} }, ports: [{ name: tcp, port: ${port} }] }
---`,
  )
  .join('')}
${['blue', 'green', 'client']
  .map(
    (name) => `
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: ${name}, namespace: shop, annotations: { ambient.istio.io/redirection: enabled } }
spec: { labels: { app: ${name} }, serviceAccount: ${name} }
---`,
  )
  .join('')}
`;

const directory = mkdtempSync(join(tmpdir(), 'cairn-tcp-'));
const servers: Workload[] = [];
const sockets: Socket[] = [];
const addresses = new Map<string, string>();
let vip: string;
let admin: string;

function writeRules(rule: string): void {
  const text = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: blue, namespace: shop }
spec: { hosts: [blue], tcp: [${rule}] }
`;
  writeFileSync(join(directory, 'config/rules.yaml'), text);
}

async function api<T>(path: string): Promise<T> {
  const sent = request(`${admin}${path}`, { agent: false }).end();
  const [response] = (await once(sent, 'response')) as [AsyncIterable<Buffer> & { readonly statusCode?: number }];
  let body = '';
  for await (const chunk of response) body += chunk.toString();
  return (path.startsWith('/api/') ? JSON.parse(body) : response.statusCode) as T;
}

/** Opens a connection to the service as the workload `client`; resolves with it and the first line that it hears. */
async function open(): Promise<readonly [socket: Socket, heard: string]> {
  const socket = connect({ host: vip, port, localAddress: addresses.get('client') ?? '' });
  sockets.push(socket);
  socket.on('error', () => {});
  const heard = await new Promise<string>((done) => {
    socket.once('data', (chunk: Buffer) => done(chunk.toString().trim()));
    socket.once('close', () => done('closed'));
  });
  return [socket, heard];
}

async function isAlive(socket: Socket): Promise<boolean> {
  socket.write('still there?');
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  return chunk.toString() === 'still there?';
}

beforeAll(async () => {
  mkdirSync(join(directory, 'config'));
  writeFileSync(join(directory, 'config/shop.yaml'), manifests);
  writeRules('{ route: [{ destination: { host: blue } }] }');
  const block = await allocateBlock();
  const paths = ['--config', join(directory, 'config'), '--state', join(directory, 'state')];
  const run = ['run', ...paths, '--address-block', block.cidr];
  const controller = await startProcess(process.execPath, ['--import', 'tsx', join(root, 'cli/main.ts'), ...run], {
    cwd: root,
  });
  admin = await waitFor(() => /http:\/\/127\.0\.0\.1:\d+/.exec(controller.stdout())?.[0], {
    timeout: 30_000,
    what: () => `the admin address: ${controller.output()}`,
  });
  await waitFor(async () => (await api<number>('/readyz')) === 200, {
    timeout: 30_000,
    what: () => `readiness: ${controller.output()}`,
  });
  for (const { name, address } of await api<{ name: string; address: string }[]>('/api/workloads')) {
    addresses.set(name, address);
  }
  const services = await api<{ name: string; addresses: string[] }[]>('/api/services');
  vip = services.find(({ name }) => name === 'blue')?.addresses[0] ?? '';
  for (const name of ['blue', 'green']) {
    servers.push(await startTcpBanner(addresses.get(name) ?? '', port, `${name}\n`));
  }
}, 90_000);

afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  await stopAll();
  await Promise.all(servers.map((server) => server.close()));
  rmSync(directory, { recursive: true });
});

it('moves new connections with an edit, and open ones live on', async () => {
  const [first, heard] = await open();
  expect(heard).toBe('blue');
  const hears = (wanted: string) => async (): Promise<boolean> => (await open())[1] === wanted;
  for (const [rule, wanted] of [
    ['{ route: [{ destination: { host: green } }] }', 'green'],
    ['{ match: [{ sourceNamespace: elsewhere }], route: [{ destination: { host: green } }] }', 'blue'],
    ['{ match: [{ sourceNamespace: shop }], route: [{ destination: { host: green } }] }', 'green'],
    ['{ match: [{ sourceNamespace: shop }], route: [{ destination: { host: blue } }] }', 'blue'],
  ] as const) {
    writeRules(rule);
    await waitFor(hears(wanted), { timeout: 10_000, what: () => `a connection to ${wanted} with ${rule}` });
    expect(await isAlive(first)).toBe(true);
  }
}, 60_000);
