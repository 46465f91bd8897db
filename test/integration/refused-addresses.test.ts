// A server at a loopback address of a waypoint must not be reached through it.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testMachine, waypointManifests } from '../support/mesh.ts';
import { startWaypoint, type TestWaypoint } from '../support/waypoint.ts';
import { type EchoWorkload, startEcho } from '../support/workload.ts';

let echo: EchoWorkload;
let open: TestWaypoint;
let closed: TestWaypoint;

const entries = (port: number): string => `${waypointManifests('shop', '$ADDRESS')}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: listed, namespace: shop }
spec: { hosts: [listed.test], addresses: [10.0.5.1], resolution: STATIC, ports: [{ number: 80, name: http, protocol: HTTP, targetPort: ${port} }], endpoints: [{ address: 127.0.0.1 }] }
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: mapped, namespace: shop }
spec: { hosts: [mapped.test], addresses: [10.0.5.2], resolution: STATIC, ports: [{ number: 80, name: http, protocol: HTTP, targetPort: ${port} }], endpoints: [{ address: "::ffff:127.0.0.1" }] }
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: all, namespace: shop }
spec: { hosts: [all.test], addresses: [0.0.0.0/0], resolution: NONE, ports: [{ number: ${port}, name: http, protocol: HTTP }] }
---
apiVersion: v1
kind: Service
metadata: { name: alias, namespace: shop }
spec: { clusterIP: 10.0.5.3, type: ExternalName, externalName: localhost, ports: [{ name: http, port: 80, targetPort: ${port} }] }
`;

beforeAll(async () => {
  echo = await startEcho('127.0.0.1', 0, { name: 'own' });
  open = await startWaypoint(entries(echo.port), { settings: { machine: testMachine } });
  closed = await startWaypoint(entries(echo.port), { settings: { machine: { workloads: [], proxies: [] } } });
}, 60_000);

afterAll(async () => {
  await open.stop();
  await closed.stop();
  await echo.close();
});

describe('a waypoint that several namespaces share', () => {
  it.each([
    ['a listed endpoint', '10.0.5.1:80', 503],
    ['one that is written as IPv6', '10.0.5.2:80', 503],
  ])('is not led to its own pod by %s', async (_, target, status) => {
    const ask = { method: 'GET', path: '/', headers: { host: 'x.test' } };
    expect((await open.request('client', target, ask)).status).toBe(200);
    expect((await closed.request('client', target, ask)).status).toBe(status);
  });

  it('is not led there by who dials it within a range', async () => {
    const ask = { method: 'GET', path: '/', headers: { host: 'x.test' } };
    const target = `127.0.0.1:${echo.port}`;
    expect((await open.request('client', target, ask)).status).toBe(200);
    const before = echo.connectionCount();
    await expect(closed.request('client', target, ask)).rejects.toThrow();
    expect(echo.connectionCount()).toBe(before);
  });

  it('is not led there by the name localhost', async () => {
    const ask = { method: 'GET', path: '/', headers: { host: 'x.test' } };
    expect((await closed.request('client', '10.0.5.3:80', ask)).status).toBe(503);
  });
});
