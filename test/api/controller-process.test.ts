// `cairn controller` as its pod runs it: a process with its settings in the environment, probes, a
// log, and an orderly end.

import { afterAll, beforeAll, expect, it } from 'vitest';
import { resources } from '../../kubernetes/index.ts';
import { systemNamespace } from '../support/cluster-mesh.ts';
import { startApiServer, type TestApiServer } from '../support/kube-apiserver.ts';
import { expectLogLines } from '../support/log-line.ts';
import { freePort } from '../support/loopback.ts';
import { startProcess, type StartedProcess, stopAll } from '../support/processes.ts';
import { waitFor } from '../support/wait.ts';

let api: TestApiServer;

beforeAll(async () => {
  api = await startApiServer();
  await api.createNamespace(systemNamespace);
}, 180_000);
afterAll(async () => {
  await api?.stop();
  await stopAll();
}, 60_000);

async function startController(
  name: string,
): Promise<{ readonly process: StartedProcess; readonly ports: readonly number[] }> {
  const ports = [
    await freePort('127.0.0.1'),
    await freePort('127.0.0.1'),
    await freePort('127.0.0.1'),
    await freePort('127.0.0.1'),
  ];
  const flags = ['--xds-port', '--admin-port', '--health-port', '--webhook-port'].flatMap((flag, index) => [
    flag,
    String(ports[index]),
  ]);
  const lease = ['--lease-duration', '3s', '--renew-deadline', '2s', '--retry-period', '250ms'];
  const started = await startProcess(
    process.execPath,
    ['--import', 'tsx', 'cli/main.ts', 'controller', '--listen-address', '127.0.0.1', ...flags, ...lease],
    { env: { KUBECONFIG: api.kubeconfig, POD_NAMESPACE: systemNamespace, POD_NAME: name, CAIRN_LOG_LEVEL: 'info' } },
  );
  return { process: started, ports };
}

async function isReady(port: number | undefined): Promise<boolean> {
  return (await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined))?.status === 200;
}

async function holderOf(): Promise<unknown> {
  const lease = await api.client.get(resources.Lease, systemNamespace, 'cairn-leader');
  return (lease?.['spec'] as { readonly holderIdentity?: string } | undefined)?.holderIdentity;
}

it('becomes ready, says what it does in JSON, changes its log level, and ends in order', async () => {
  const one = await startController('one');
  const [, admin, health] = one.ports;
  await waitFor(() => isReady(health), { timeout: 60_000, seen: () => one.process.output() });
  await waitFor(async () => (await holderOf()) === 'one', { timeout: 20_000 });
  const metrics = await (await fetch(`http://127.0.0.1:${health}/metrics`)).text();
  expect(metrics).toContain('cairn_leader 1');
  expect(metrics).toContain('pilot_xds 0');
  // A replica that leads has written its Lease at least once.
  expect(metrics).toMatch(/^rest_client_requests_total\{method="POST",code="201",host="127\.0\.0\.1:\d+"\} [1-9]/m);
  expect(metrics).toMatch(/^cairn_kubernetes_requests_total\{verb="create",kind="Lease"\} 1$/m);
  // The admin interface is for this machine only.
  expect((await fetch(`http://127.0.0.1:${health}/healthz`)).status).toBe(200);
  const level = `http://127.0.0.1:${admin}/api/log-level`;
  expect((await fetch(level, { method: 'PUT', body: 'loud' })).status).toBe(400);
  expect(await (await fetch(level, { method: 'PUT', body: 'debug' })).text()).toBe('debug\n');
  await api.createNamespace('shop');
  await waitFor(() => one.process.stderr().includes('configuration applied'), { timeout: 20_000 });
  expectLogLines(one.process.stderr());
  process.kill(one.process.pid, 'SIGTERM');
  expect(await one.process.exited).toEqual({ code: 0, signal: null });
  expect(await holderOf()).not.toBe('one');
}, 120_000);

it('when the leader is killed outright, the other one leads', async () => {
  const first = await startController('first');
  await waitFor(async () => (await holderOf()) === 'first', { timeout: 60_000, seen: () => first.process.output() });
  const second = await startController('second');
  await waitFor(() => isReady(second.ports[2]), { timeout: 60_000, seen: () => second.process.output() });
  expect(await holderOf()).toBe('first');
  process.kill(first.process.pid, 'SIGKILL');
  await first.process.exited;
  await waitFor(async () => (await holderOf()) === 'second', { timeout: 20_000 });
  process.kill(second.process.pid, 'SIGTERM');
  expect(await second.process.exited).toEqual({ code: 0, signal: null });
}, 120_000);

it('says which setting is wrong, and of which kind it must be', async () => {
  const wrong = await startProcess(process.execPath, [
    '--import',
    'tsx',
    'cli/main.ts',
    'controller',
    '--ca',
    'nobody',
  ]);
  expect((await wrong.exited).code).not.toBe(0);
  expect(wrong.stderr()).toContain('--ca must be one of cairn, istiod, not nobody');
}, 60_000);
