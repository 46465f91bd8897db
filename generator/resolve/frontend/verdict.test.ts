// Where a TCP port is decided: on the CONNECT, whatever its addresses are.

import { describe, expect, it } from 'vitest';
import { typeUrls } from '../../../envoy-api/index.ts';
import { defaultMeshSettings, MeshStore, parseManifest } from '../../../mesh/index.ts';
import { translateWaypoint } from '../../whole/waypoint.ts';

const waypoint = { namespace: 'shop', name: 'waypoint' };

function entry(name: string, host: string, addresses: readonly string[], port: string): string {
  return `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ${name}, namespace: shop }
spec: { hosts: [${host}], addresses: ${JSON.stringify(addresses)}, resolution: STATIC, endpoints: [{ address: 10.0.0.9 }], ports: [${port}] }
---`;
}

function meshOf(...texts: readonly string[]): MeshStore {
  const mesh = new MeshStore(defaultMeshSettings);
  const surroundings = `
apiVersion: v1
kind: Namespace
metadata: { name: shop, labels: { istio.io/use-waypoint: waypoint } }
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: waypoint, namespace: shop }
spec: { gatewayClassName: istio-waypoint, listeners: [{ name: mesh, port: 15008, protocol: HBONE }] }
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: closed, namespace: shop }
spec: { targetRefs: [{ group: networking.istio.io, kind: ServiceEntry, name: db }], rules: [] }
---`;
  const { objects, findings } = parseManifest('mesh.yaml', [surroundings, ...texts].join(''));
  expect(findings).toEqual([]);
  mesh.apply(objects.map((object) => ({ type: 'put', object })));
  return mesh;
}

const tcp = '{ number: 5432, name: tcp, protocol: TCP }';

it('leads connections to workloads to clusters that are there, whichever services declare a port', () => {
  const mesh = new MeshStore(defaultMeshSettings);
  const { objects } = parseManifest(
    'mesh.yaml',
    `
apiVersion: v1
kind: Namespace
metadata: { name: shop, labels: { istio.io/use-waypoint: waypoint } }
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: waypoint, namespace: shop, labels: { istio.io/waypoint-for: all } }
spec: { gatewayClassName: istio-waypoint, listeners: [{ name: mesh, port: 15008, protocol: HBONE }] }
---
apiVersion: v1
kind: Service
metadata: { name: db, namespace: shop }
spec: { clusterIP: 10.9.0.1, selector: { app: all }, ports: [{ name: tcp, port: 3306 }] }
---
apiVersion: v1
kind: Service
metadata: { name: web, namespace: shop }
spec: { clusterIP: None, selector: { app: all }, ports: [{ name: http, port: 3306 }] }
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: all, namespace: shop }
spec: { address: 10.0.0.9, labels: { app: all } }
`,
  );
  mesh.apply(objects.map((object) => ({ type: 'put', object })));
  const { resources } = translateWaypoint(mesh, waypoint);
  const scopes = new Set(resources.filter(({ typeUrl }) => typeUrl === typeUrls.scopedRoute).map(({ name }) => name));
  expect(scopes).toContain('connect|connect|workloads');
  const tunnels = JSON.stringify(resources.find(({ name }) => name === 'connect|workloads')?.json);
  const clusters = [...tunnels.matchAll(/"cluster":"([^"]+)"/g)].map(([, name]) => name);
  expect(clusters.length).toBeGreaterThan(0);
  for (const cluster of clusters) {
    expect(
      resources.some(({ typeUrl, name }) => typeUrl === typeUrls.cluster && name === cluster),
      cluster,
    ).toBe(true);
  }
});

describe('the verdict of a TCP port', () => {
  const tunnelsOf = (mesh: MeshStore): unknown =>
    translateWaypoint(mesh, waypoint).resources.find(({ name }) => name === 'connect|5432|db.example')?.json;
  const enforced = { 'cairn.rbac.allow': { rbac: { rules: { action: 'ALLOW', policies: {} } } } };
  const passedOn = { 'cairn.rbac.allow': { rbac: { shadow_rules: { action: 'ALLOW', policies: {} } } } };

  it.each([
    ['an address', ['10.9.0.1'], tcp, enforced],
    ['a range of addresses', ['10.9.0.1', '198.51.100.0/24'], tcp, enforced],
    ['a port that is sniffed', ['10.9.0.1'], '{ number: 5432, name: db }', passedOn],
  ])('falls on the CONNECT: %s', (_, addresses, port, verdict) => {
    expect(tunnelsOf(meshOf(entry('db', 'db.example', addresses, port)))).toMatchObject({
      virtual_hosts: [{ typed_per_filter_config: verdict }],
    });
  });

  it('falls there also when the range that a service claims is another one’s', () => {
    const mesh = meshOf(
      entry('a', 'a.example', ['198.51.100.0/24'], tcp),
      entry('db', 'db.example', ['10.9.0.1', '198.51.100.0/24'], tcp),
    );
    expect(tunnelsOf(mesh)).toMatchObject({ virtual_hosts: [{ typed_per_filter_config: enforced }] });
  });
});
