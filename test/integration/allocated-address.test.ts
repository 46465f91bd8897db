// Allocated addresses of ServiceEntries without any, on a real Envoy: a client that dials one, in
// either family, reaches its host, and nobody reaches anything at the next address.

import { afterAll, beforeAll, expect, it } from 'vitest';
import { allocateEntryAddresses } from '../../gateway-controller/cluster/source/entry-addresses.ts';
import { type AnyMeshObject, type MeshObject, parseManifest } from '../../mesh/index.ts';
import { randomLoopback } from '../support/envoy.ts';
import { requestThrough } from '../support/hbone-client.ts';
import { waypointManifests } from '../support/mesh.ts';
import { type ServedWaypoint, startServedWaypoint } from '../support/served-waypoint.ts';
import { type EchoedRequest, type EchoWorkload, startEcho } from '../support/workload.ts';

const hosts = { 'one.example': randomLoopback(), 'two.example': randomLoopback() } as const;
const listen = randomLoopback();
const workloads: EchoWorkload[] = [];
let waypoint: ServedWaypoint;
let addresses: Readonly<Record<string, readonly string[]>>;

beforeAll(async () => {
  for (const [name, address] of Object.entries(hosts)) workloads.push(await startEcho(address, 8080, { name }));
  const { objects, findings } = parseManifest(
    '',
    `
${waypointManifests('bench', listen)}
${Object.entries(hosts)
  .map(
    ([host, address]) => `---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ${host}, namespace: bench }
spec:
  hosts: [${host}]
  resolution: STATIC
  ports: [{ number: 80, name: http, protocol: HTTP, targetPort: 8080 }]
  endpoints: [{ address: ${address} }]
`,
  )
  .join('')}`,
  );
  expect(findings).toEqual([]);
  const written = objects.filter(({ kind }) => kind === 'ServiceEntry') as readonly MeshObject<'ServiceEntry'>[];
  const entries = allocateEntryAddresses(written, {}).entries as readonly (MeshObject<'ServiceEntry'> &
    AnyMeshObject)[];
  addresses = Object.fromEntries(entries.flatMap(({ spec }) => Object.entries(spec.hostAddresses ?? {})));
  waypoint = await startServedWaypoint([...objects.filter(({ kind }) => kind !== 'ServiceEntry'), ...entries], listen);
  await waypoint.synced();
}, 90_000);

afterAll(async () => {
  await waypoint.stop();
  for (const workload of workloads) await workload.close();
});

/** The workload that answers at an address; undefined for none. */
async function dial(address: string): Promise<string | undefined> {
  const connection = await waypoint.connectAs('client');
  try {
    const stream = await connection.connect(address.includes(':') ? `[${address}]:80` : `${address}:80`);
    const { body } = await requestThrough(stream, { path: '/', timeout: 5000 });
    return (JSON.parse(body) as EchoedRequest).name;
  } catch {
    return undefined;
  } finally {
    await connection.close();
  }
}

it.each(Object.keys(hosts))('%s is reached at the addresses that it was given', async (host) => {
  expect(addresses[host]).toHaveLength(2);
  for (const address of addresses[host] ?? []) expect(await dial(address)).toBe(host);
});

it('nobody is reached at an address that was given to nobody', async () => {
  const given = Object.values(addresses).flat();
  const free = ['240.240.255.254', '240.240.0.1', '2001:2::ffff'].filter((address) => !given.includes(address));
  expect(free.length).toBeGreaterThan(1);
  for (const address of free) expect(await dial(address)).toBeUndefined();
});
