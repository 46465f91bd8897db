// The trust domain of MeshConfig on one machine: certificates, policies and proxies are of it, from
// one start to the next.

import { afterAll, beforeAll, expect, it } from 'vitest';
import { LocalRun, shopManifests } from '../support/local-run.ts';
import { waitFor } from '../support/wait.ts';
import { type EchoWorkload, startEcho } from '../support/workload.ts';

const run = new LocalRun();
const port = 8080;
let echo: EchoWorkload;

const policy = `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: client, namespace: shop }
spec:
  targetRefs: [{ group: '', kind: Service, name: echo }]
  rules: [{ from: [{ source: { principals: [old.example/ns/shop/sa/client] } }] }]
`;

async function askAs(from: string): Promise<number> {
  return (await run.ask('echo', { from, port })).status;
}

beforeAll(async () => {
  const workloads = ['echo', 'client', 'stranger'];
  run.write('shop.yaml', shopManifests({ services: ['echo'], port: { name: 'http', port }, workloads }));
  run.write('policy.yaml', policy);
  run.write('mesh.yaml', 'trustDomain: old.example\n');
  await run.start();
  echo = await startEcho(run.address('echo'), port, { name: 'echo' });
}, 90_000);

afterAll(async () => {
  await run.close();
  await echo.close();
}, 30_000);

it('is that of the start, also when MeshConfig names another one meanwhile', async () => {
  expect([await askAs('client'), await askAs('stranger')]).toEqual([200, 403]);
  const workloads = await run.api<{ name: string; identity: string }[]>('/api/workloads');
  expect(workloads.map(({ identity }) => identity)).toContain('spiffe://old.example/ns/shop/sa/client');

  run.write('mesh.yaml', 'trustDomain: new.example\ntrustDomainAliases: [old.example]\n');
  const found = await waitFor(
    async () => (await run.api<{ code: string; file: string; line: number }[]>('/api/findings'))[0],
    {
      what: 'the Finding',
    },
  );
  expect(found).toMatchObject({ code: 'RestartNeeded', file: run.path('config/mesh.yaml'), line: 1 });
  expect([await askAs('client'), await askAs('stranger')]).toEqual([200, 403]);

  await run.stop();
  await run.start();
  expect(await run.api('/api/findings')).toEqual([]);
  const after = await run.api<{ name: string; identity: string }[]>('/api/workloads');
  expect(after.map(({ identity }) => identity)).toContain('spiffe://new.example/ns/shop/sa/client');
  // The policy still names the earlier domain, which is an alias now.
  expect([await askAs('client'), await askAs('stranger')]).toEqual([200, 403]);
}, 90_000);
