// An owner keeps its addresses and hosts: whatever another namespace declares, at whatever address
// or host, nothing changes for older objects, while a run goes on and after it was started again.
// The newer object gets a Finding.

import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LocalRun, shopManifests } from '../support/local-run.ts';
import { waitFor } from '../support/wait.ts';
import { startEcho, type Workload } from '../support/workload.ts';

const run = new LocalRun();
const servers: Workload[] = [];

/** Namespace `aaa` comes first by name, which must not help it. */
const evil = `
apiVersion: v1
kind: Namespace
metadata: { name: aaa }
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: evil, namespace: aaa, annotations: { ambient.istio.io/redirection: enabled } }
spec: { labels: { app: evil }, serviceAccount: evil }
`;

const rules = `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: web-only-sleep, namespace: shop }
spec:
  targetRefs: [{ group: "", kind: Service, name: web }]
  rules: [{ from: [{ source: { principals: [cluster.local/ns/shop/sa/sleep] } }] }]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: pay, namespace: shop }
spec:
  hosts: [pay.vendor.test]
  resolution: STATIC
  ports: [{ number: 80, name: http, protocol: HTTP }]
  workloadSelector: { labels: { app: pay } }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: front, namespace: shop }
spec: { hosts: [front], http: [{ route: [{ destination: { host: pay.vendor.test } }] }] }
`;

const entry = (spec: string): string => `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: newcomer, namespace: aaa }
spec: { resolution: STATIC, ports: [{ number: 80, name: http, protocol: HTTP, targetPort: 80 }], workloadSelector: { labels: { app: evil } }, ${spec} }
`;
const workload = (address: string): string => `
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: newcomer, namespace: aaa, annotations: { ambient.istio.io/redirection: enabled } }
spec: { address: "${address}", labels: { app: evil }, serviceAccount: evil }
`;
const gateway = (address: string): string => `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: newcomer, namespace: aaa }
spec: { gatewayClassName: istio-waypoint, addresses: [{ value: ${address} }], listeners: [{ name: mesh, port: 15008, protocol: HBONE }] }
`;
const service = (address: string): string => `
apiVersion: v1
kind: Service
metadata: { name: newcomer, namespace: aaa }
spec: { clusterIP: ${address}, selector: { app: evil }, ports: [{ name: http, port: 80 }] }
`;

let waypoint = '';

/** The declaration of a newer object, and the code of its Finding. */
const newcomers: Readonly<Record<string, () => readonly [text: string, code?: string]>> = {
  'a ServiceEntry with the address of a Service': () => [entry(`hosts: [a.evil], addresses: [${run.vip('web')}]`)],
  'one that writes it as a range of one': () => [entry(`hosts: [a.evil], addresses: [${run.vip('web')}/32]`)],
  'one that writes it as IPv6': () => [entry(`hosts: [zz.evil], addresses: ["::ffff:${run.vip('web')}"]`)],
  'one with a range around it': () => [
    entry(`hosts: [a.evil], addresses: [${run.vip('web').replace(/\d+$/, '0/24')}]`),
    'NotServed',
  ],
  'one with the host of a Service': () => [entry('hosts: [web.shop.svc.cluster.local]')],
  'one with a wildcard over it': () => [entry(`hosts: ["*.svc.cluster.local"], addresses: [${run.vip('web')}]`)],
  'one with the host of a ServiceEntry': () => [entry('hosts: [pay.vendor.test]')],
  'one with its address': () => [entry(`hosts: [a.evil], addresses: [${run.vip('pay')}]`)],
  'one with its host, exported to nobody else': () => [
    `${entry('hosts: [pay.vendor.test], exportTo: ["."]')}---${service(run.vip('web'))}`,
  ],
  'one with a workload of others as its endpoint': () => [
    `${entry('hosts: [a.evil]').replace('workloadSelector: { labels: { app: evil } }', `endpoints: [{ address: ${run.address('web')} }]`)}---${service(run.vip('web'))}`,
  ],
  'a Service with the address of another': () => [service(run.vip('web'))],
  'a Service with the address of a workload': () => [service(run.address('sleep'))],
  'a workload with the address of a Service': () => [workload(run.vip('web'))],
  'a workload with the address of a ServiceEntry': () => [workload(run.vip('pay'))],
  'a workload with the address of a server': () => [workload(run.address('web'))],
  'a workload with the address of a client, written as IPv6': () => [workload(`::ffff:${run.address('sleep')}`)],
  'a workload with the address of the waypoint': () => [workload(waypoint), 'AddressRefused'],
  'a waypoint with the address of another': () => [gateway(waypoint)],
  'a waypoint with the address of a Service': () => [gateway(run.vip('web'))],
};

async function isTold(name: string, code = 'AddressConflict'): Promise<boolean> {
  const findings = await run.api<{ code: string; object: { namespace: string; name: string } }[]>('/api/findings');
  return findings.some(
    ({ object, ...finding }) => object.namespace === 'aaa' && object.name === name && finding.code === code,
  );
}

/**
 * Replaces the newer object before; resolves when its Finding is there. Each has a name of its own.
 */
async function come(name: string, text: string, code?: string): Promise<void> {
  run.write('newcomer.yaml', text.replaceAll('name: newcomer', `name: ${name}`));
  await waitFor(() => isTold(name, code), { timeout: 10_000, what: `a Finding ${code ?? 'AddressConflict'}` });
}

/** Whether every proxy has the configuration of the files. */
async function isSettled(): Promise<boolean> {
  const proxies = [
    ...(await run.api<{ sync: { state: string } }[]>('/api/waypoints')),
    ...(await run.api<{ sync: { state: string } }[]>('/api/nodes')),
  ];
  return proxies.length > 1 && proxies.every(({ sync }) => sync.state === 'SYNCED');
}

async function expectNothingTaken(): Promise<void> {
  await waitFor(isSettled, { timeout: 10_000, what: 'proxies in sync' });
  for (const [name, from, expected] of [
    ['web', 'sleep', '200 web'],
    ['web', 'enemy', '403'],
    ['pay', 'sleep', '200 pay'],
    ['front', 'sleep', '200 pay'],
  ] as const) {
    const { status, body } = await run.ask(name, { from, port: 80 });
    const got = status === 200 ? `200 ${(JSON.parse(body) as { name: string }).name}` : String(status);
    expect(`${name} as ${from}: ${got}`).toBe(`${name} as ${from}: ${expected}`);
  }
}

beforeAll(async () => {
  const names = ['web', 'pay', 'front', 'sleep', 'enemy'];
  run.write(
    'shop.yaml',
    shopManifests({ services: ['web', 'front'], port: { name: 'http', port: 80 }, workloads: names }),
  );
  run.write('rules.yaml', rules);
  run.write('evil.yaml', evil);
  await run.start();
  waypoint = (await run.api<{ hbone: string }[]>('/api/waypoints'))[0]?.hbone.split(':')[0] ?? '';
  for (const name of ['web', 'pay', 'front', 'evil']) servers.push(await startEcho(run.address(name), 80, { name }));
  await expectNothingTaken();
}, 90_000);

afterAll(async () => {
  await run.close();
  await Promise.all(servers.map((server) => server.close()));
});

describe('whoever comes later takes nothing', () => {
  it.each(Object.entries(newcomers).map(([says, make], index) => [says, `n${index}`, make] as const))(
    '%s',
    async (_says, name, make) => {
      await come(name, ...make());
      await expectNothingTaken();
    },
    30_000,
  );

  it('not even a port that the Service does not have', async () => {
    const text = entry(`hosts: [a.evil], addresses: [${run.vip('web')}]`);
    await come('port', text.replace('number: 80', 'number: 81'));
    const socket = connect({ host: run.vip('web'), port: 81, localAddress: run.address('sleep') });
    const outcome = await new Promise((done) => {
      socket.once('connect', () => done('connected'));
      socket.once('error', (error: NodeJS.ErrnoException) => done(error.code));
    });
    socket.destroy();
    expect(outcome).toBe('ECONNREFUSED');
  }, 30_000);

  it('after a restart neither', async () => {
    const texts = Object.values(newcomers).map((make, index) =>
      make()[0].replaceAll('name: newcomer', `name: n${index}`),
    );
    await come('n0', texts.join('\n---\n'));
    await expectNothingTaken();
    await run.stop();
    await run.start();
    await expectNothingTaken();
  }, 60_000);
});
