// TCP rules of a running mesh: an edit moves new connections, and leaves those that are open alone.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { LocalRun, shopManifests } from '../support/local-run.ts';
import { waitFor } from '../support/wait.ts';
import { startTcpBanner, type Workload } from '../support/workload.ts';

const run = new LocalRun();
const port = 5432;
const servers: Workload[] = [];
const sockets: Socket[] = [];

function writeRules(rule: string): void {
  const text = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: blue, namespace: shop }
spec: { hosts: [blue], tcp: [${rule}] }
`;
  run.write('rules.yaml', text);
}

/**
 * Opens a connection to the service as the workload `client`; resolves with it and the first line
 * that it hears.
 */
async function open(): Promise<readonly [socket: Socket, heard: string]> {
  const socket = connect({ host: run.vip('blue'), port, localAddress: run.address('client') });
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
  const services = ['blue', 'green'];
  run.write('shop.yaml', shopManifests({ services, port: { name: 'tcp', port }, workloads: [...services, 'client'] }));
  writeRules('{ route: [{ destination: { host: blue } }] }');
  await run.start();
  for (const name of services) servers.push(await startTcpBanner(run.address(name), port, `${name}\n`));
}, 90_000);

afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  await run.close();
  await Promise.all(servers.map((server) => server.close()));
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
    await waitFor(hears(wanted), { timeout: 10_000, what: `a connection to ${wanted} with ${rule}` });
    expect(await isAlive(first)).toBe(true);
  }
}, 60_000);
