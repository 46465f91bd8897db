import { createServer, type Server } from 'node:http';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { randomLoopback } from '../test/support/envoy.ts';
import { HealthServer, renameMetrics } from './health-server.ts';

// An admin interface that gives the answers of the test: states that Envoy leaves too fast to be
// caught.
let admin: Server;
let ready: number;
let stats: string;
let metrics: string;
let draining: boolean;
let starts: number;
let quits: number;
let server: HealthServer;
let host: string;

beforeEach(async () => {
  // A new address each time: fetch() keeps connections to the servers of the test before.
  host = randomLoopback();
  [ready, stats, metrics, draining, starts, quits] = [200, '', '', false, 1, 0];
  admin = createServer((request, response) => {
    if (request.url === '/ready') response.writeHead(ready).end(ready === 200 ? 'LIVE\n' : 'INITIALIZING\n');
    else response.end(request.url?.startsWith('/stats?') === true ? stats : metrics);
  });
  await new Promise<void>((resolve) => admin.listen(15000, host, resolve));
  server = new HealthServer({
    admin: { address: host, port: 15000 },
    stats: { address: host, port: 15020 },
    health: { address: host, port: 15021 },
    isDraining: () => draining,
    envoyStarts: () => starts,
    formatMetrics: () => 'cairn_agent_envoy_starts_total 1\n',
    onQuit: () => (quits += 1),
  });
  await server.start();
});
afterEach(async () => {
  await server.stop();
  admin.closeAllConnections();
  await new Promise((resolve) => admin.close(resolve));
});

async function readiness(): Promise<string> {
  const response = await fetch(`http://${host}:15021/healthz/ready`);
  return `${response.status} ${(await response.text()).trim()}`;
}

const accepted =
  'cluster_manager.cds.update_success: 1\nlistener_manager.lds.update_success: 1\nlistener_manager.workers_started: 1\n';

it('is ready only when Envoy is live and has taken clusters and listeners, and again after a restart', async () => {
  ready = 503;
  expect(await readiness()).toBe('503 Envoy is INITIALIZING');
  ready = 200;
  expect(await readiness()).toBe('503 no clusters from the control plane yet');
  stats = 'cluster_manager.cds.update_success: 1\nlistener_manager.lds.update_success: 0\n';
  expect(await readiness()).toBe('503 no listeners from the control plane yet');
  stats = accepted;
  expect(await readiness()).toBe('200 ready');
  starts = 2;
  stats = '';
  expect(await readiness()).toMatch(/^503/);
});

it('is not ready while it drains, nor when Envoy does not answer', async () => {
  stats = accepted;
  draining = true;
  expect(await readiness()).toBe('503 draining');
  draining = false;
  admin.closeAllConnections();
  await new Promise((resolve) => admin.close(resolve));
  expect(await readiness()).toMatch(/^503 Envoy does not answer/);
  const own = await (await fetch(`http://${host}:15020/stats/prometheus`)).text();
  expect(own).toBe('cairn_agent_envoy_starts_total 1\n');
});

it("serves Envoy's statistics under Istio's names together with its own, whole however large", async () => {
  const line = 'envoy_istio_istio_requests_total{reporter="waypoint",path="é"} 1';
  metrics = `# TYPE envoy_istio_istio_requests_total counter\n${`${line}\n`.repeat(50_000)}envoy_server_live{} 1`;
  const text = await (await fetch(`http://${host}:15020/stats/prometheus`)).text();
  const lines = text.split('\n');
  expect(lines.slice(0, 2)).toEqual(['cairn_agent_envoy_starts_total 1', '# TYPE istio_requests_total counter']);
  expect(lines.filter((each) => each === line.replace('envoy_istio_', ''))).toHaveLength(50_000);
  expect(lines.at(-1)).toBe('envoy_server_live{} 1');
});

it('renames nothing but what Istio names', () => {
  expect(renameMetrics('envoy_istio_other 1')).toBe('envoy_istio_other 1');
  expect(renameMetrics('x{a="envoy_istio_istio_"} 1')).toBe('x{a="envoy_istio_istio_"} 1');
});

it('can be ended by POST from this machine, on the port that is not open to probes only', async () => {
  expect((await fetch(`http://${host}:15020/quitquitquit`)).status).toBe(405);
  expect((await fetch(`http://${host}:15021/quitquitquit`, { method: 'POST' })).status).toBe(404);
  // A page in a browser on this machine is not this machine.
  const page = { method: 'POST', headers: { origin: 'https://evil.example' } };
  expect((await fetch(`http://${host}:15020/quitquitquit`, page)).status).toBe(403);
  expect(quits).toBe(0);
  expect((await fetch(`http://${host}:15020/quitquitquit`, { method: 'POST' })).status).toBe(200);
  expect(quits).toBe(1);
});

it('says which address is taken', async () => {
  const options = { isDraining: () => false, envoyStarts: () => 1, formatMetrics: () => '', onQuit: () => undefined };
  const taken = { address: host, port: 15021 };
  const second = new HealthServer({ ...options, admin: taken, stats: taken, health: taken });
  await expect(second.start()).rejects.toMatchObject({
    code: 'AddressUnavailable',
    message: expect.stringContaining(`${host}:15021`) as string,
  });
  await second.stop();
});
