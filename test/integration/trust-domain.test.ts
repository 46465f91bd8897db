// The trust domain of MeshConfig on one machine: certificates, policies and proxies are of it, from one start to the next.

import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { allocateBlock } from '../support/loopback.ts';
import type { AddressBlock } from '../support/loopback.ts';
import { startProcess, stopAll, stopProcess, waitFor } from '../support/processes.ts';
import type { StartedProcess } from '../support/processes.ts';
import { type EchoWorkload, startEcho } from '../support/workload.ts';

const root = resolve(import.meta.dirname, '../..');
const directory = mkdtempSync(join(tmpdir(), 'cairn-trust-'));
const addresses = new Map<string, string>();
let block: AddressBlock;
let controller: StartedProcess;
let echo: EchoWorkload;
let vip: string;
let admin: string;

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
apiVersion: v1
kind: Service
metadata: { name: echo, namespace: shop }
spec: { selector: { app: echo }, ports: [{ name: http, port: 8080 }] }
---
${['echo', 'client', 'stranger']
  .map(
    (name) => `
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: ${name}, namespace: shop, annotations: { ambient.istio.io/redirection: enabled } }
spec: { labels: { app: ${name} }, serviceAccount: ${name} }
---`,
  )
  .join('')}
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: client, namespace: shop }
spec:
  targetRefs: [{ group: '', kind: Service, name: echo }]
  rules: [{ from: [{ source: { principals: [old.example/ns/shop/sa/client] } }] }]
`;

async function call(url: string, options: object = {}): Promise<{ readonly status: number; readonly body: string }> {
  const sent = request(url, { agent: false, ...options }).end();
  const [response] = (await once(sent, 'response')) as [AsyncIterable<Buffer> & { readonly statusCode?: number }];
  let body = '';
  for await (const chunk of response) body += chunk.toString();
  return { status: response.statusCode ?? 0, body };
}

async function api<T>(path: string): Promise<T> {
  return JSON.parse((await call(`${admin}${path}`)).body) as T;
}

async function askAs(name: string): Promise<number> {
  return (await call(`http://${vip}:8080/`, { localAddress: addresses.get(name) ?? '' })).status;
}

function writeMesh(text: string): void {
  writeFileSync(join(directory, 'config/mesh.yaml'), text);
}

async function startRun(): Promise<void> {
  const paths = ['--config', join(directory, 'config'), '--state', join(directory, 'state')];
  const run = ['run', ...paths, '--address-block', block.cidr];
  controller = await startProcess(process.execPath, ['--import', 'tsx', join(root, 'cli/main.ts'), ...run], {
    cwd: root,
  });
  admin = await waitFor(() => /http:\/\/127\.0\.0\.1:\d+(?=\/api\/waypoints)/.exec(controller.stdout())?.[0], {
    timeout: 30_000,
    what: () => `the admin address: ${controller.output()}`,
  });
  await waitFor(async () => (await call(`${admin}/readyz`)).status === 200, {
    timeout: 30_000,
    what: () => `readiness: ${controller.output()}`,
  });
}

beforeAll(async () => {
  mkdirSync(join(directory, 'config'));
  writeFileSync(join(directory, 'config/shop.yaml'), manifests);
  writeMesh('trustDomain: old.example\n');
  block = await allocateBlock();
  await startRun();
  for (const { name, address } of await api<{ name: string; address: string }[]>('/api/workloads')) {
    addresses.set(name, address);
  }
  const services = await api<{ name: string; addresses: string[] }[]>('/api/services');
  vip = services.find(({ name }) => name === 'echo')?.addresses[0] ?? '';
  echo = await startEcho(addresses.get('echo') ?? '', 8080, { name: 'echo' });
}, 90_000);

afterAll(async () => {
  await stopAll();
  await echo.close();
  await block.release();
  rmSync(directory, { recursive: true });
}, 30_000);

it('is that of the start, also when MeshConfig names another one meanwhile', async () => {
  expect([await askAs('client'), await askAs('stranger')]).toEqual([200, 403]);
  const workloads = await api<{ name: string; identity: string }[]>('/api/workloads');
  expect(workloads.map(({ identity }) => identity)).toContain('spiffe://old.example/ns/shop/sa/client');

  writeMesh('trustDomain: new.example\ntrustDomainAliases: [old.example]\n');
  const found = await waitFor(
    async () => (await api<{ code: string; file: string; line: number }[]>('/api/findings'))[0],
    {
      what: 'the Finding',
    },
  );
  expect(found).toMatchObject({ code: 'RestartNeeded', file: join(directory, 'config/mesh.yaml'), line: 1 });
  expect([await askAs('client'), await askAs('stranger')]).toEqual([200, 403]);

  await stopProcess(controller);
  await startRun();
  expect(await api('/api/findings')).toEqual([]);
  const after = await api<{ name: string; identity: string }[]>('/api/workloads');
  expect(after.map(({ identity }) => identity)).toContain('spiffe://new.example/ns/shop/sa/client');
  // The policy still names the earlier domain, which is an alias now.
  expect([await askAs('client'), await askAs('stranger')]).toEqual([200, 403]);
}, 90_000);
