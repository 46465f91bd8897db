// Declarations of another namespace, without being bound to a waypoint, do not affect the services
// that the waypoint serves.

import * as fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { encodeResource } from '../../../envoy-api/index.ts';
import type { AnyMeshObject, MeshStore, ServiceEntrySpec } from '../../../mesh/index.ts';
import { readMesh } from '../../../test/support/mesh.ts';
import { translateWaypoint } from '../../whole/waypoint.ts';

const base = readFileSync(join(import.meta.dirname, '../../../test/golden/base.yaml'), 'utf8');
const created = '2026-01-01T00:00:00Z';
const rules = `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: pay, namespace: shop, creationTimestamp: ${created} }
spec: { hosts: [pay.example.com], addresses: [240.0.0.1, '2001:db8::1'], resolution: STATIC, ports: [{ number: 80, name: http, protocol: HTTP }], endpoints: [{ address: 192.0.2.1 }] }
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: range, namespace: shop, creationTimestamp: ${created} }
spec: { hosts: [range.example.com], addresses: [198.51.100.0/24], resolution: NONE, ports: [{ number: 443, name: tls, protocol: TLS }] }
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: partner, namespace: zzz, creationTimestamp: ${created} }
spec: { hosts: [partner.example.com], resolution: STATIC, ports: [{ number: 80, name: http, protocol: HTTP }], endpoints: [{ address: 192.0.2.2 }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: web, namespace: shop }
spec: { hosts: [web], http: [{ route: [{ destination: { host: pay.example.com }, weight: 50 }, { destination: { host: partner.example.com }, weight: 50 }] }] }
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: pay, namespace: shop }
spec:
  parentRefs: [{ group: networking.istio.io, kind: ServiceEntry, name: pay }]
  rules: [{ backendRefs: [{ name: web, port: 80 }, { group: networking.istio.io, kind: Hostname, name: partner.example.com, port: 80 }] }]
`;

const hosts = [
  'pay.example.com',
  'PARTNER.example.com',
  'range.example.com',
  'web.shop.svc.cluster.local',
  '*.shop.svc.cluster.local',
  '*.example.com',
  '0.example',
  'zz.example',
];
const addresses = [
  '10.0.0.1',
  '10.0.0.1/32',
  '10.0.0.0/8',
  '::ffff:10.0.0.1',
  '240.0.0.1',
  '2001:DB8:0::1',
  '2001:db8::/32',
  '198.51.100.7',
  '198.51.100.0/25',
  '10.1.0.1',
];
const shape = { noNullPrototype: true } as const;

const spec: fc.Arbitrary<ServiceEntrySpec> = fc.record(
  {
    hosts: fc.uniqueArray(fc.constantFrom(...hosts), { minLength: 1, maxLength: 3 }),
    addresses: fc.uniqueArray(fc.constantFrom(...addresses), { maxLength: 3 }),
    resolution: fc.constantFrom('NONE', 'STATIC', 'DNS', 'DYNAMIC_DNS'),
    exportTo: fc.constantFrom(['*'], ['.'], ['shop']),
    ports: fc.constantFrom([{ number: 80, name: 'http', protocol: 'HTTP' }], [{ number: 443, name: 'tls' }]),
    endpoints: fc.constantFrom([], [{ address: '203.0.113.1' }], [{ address: '10.1.0.1' }]),
    workloadSelector: fc.constantFrom({ labels: { app: 'web' } }),
  },
  { requiredKeys: ['hosts', 'ports'], ...shape },
);

/**
 * Whether an entry that was there first would rightly be what shop sees under a host of the third
 * namespace.
 */
const wouldBeFirst = ({ hosts, exportTo = ['*'] }: ServiceEntrySpec): boolean =>
  hosts.some((host) => /^partner/i.test(host)) && exportTo[0] !== '.';

/** A ServiceEntry, or rules for hosts that are not its namespace's. */
const foreign: fc.Arbitrary<AnyMeshObject> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.tuple(fc.constantFrom('aaa', 'zzzz'), spec).map(([namespace, spec]): AnyMeshObject => ({
      apiVersion: 'networking.istio.io/v1',
      kind: 'ServiceEntry',
      metadata: {
        name: 'a',
        namespace,
        labels: {},
        annotations: {},
        creationTimestamp: wouldBeFirst(spec) ? '2026-01-02T00:00:00Z' : '2025-01-01T00:00:00Z',
      },
      spec,
    })),
  },
  fc.constantFrom(...hosts.slice(0, 6)).map((host): AnyMeshObject => ({
    apiVersion: 'networking.istio.io/v1',
    kind: 'DestinationRule',
    metadata: { name: 'a', namespace: 'aaa', labels: {}, annotations: {} },
    spec: { host, trafficPolicy: { tls: { mode: 'DISABLE' }, connectionPool: { tcp: { maxConnections: 1 } } } },
  })),
  fc.constantFrom(...hosts.slice(0, 6)).map((host): AnyMeshObject => ({
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name: 'a', namespace: 'aaa', labels: {}, annotations: {} },
    spec: { hosts: [host], http: [{ route: [{ destination: { host: '0.example' } }] }] },
  })),
);

function serve(store: MeshStore): readonly string[] {
  const { resources } = translateWaypoint(store, { namespace: 'shop', name: 'waypoint' });
  return resources.map((resource) => `${resource.name} ${encodeResource(resource).version}`).sort();
}

it('nothing that a waypoint serves is changed by entries and rules of a namespace that is not bound to it', () => {
  const before = serve(readMesh({ base, rules }).store);
  expect(before.length).toBeGreaterThan(10);
  fc.assert(
    fc.property(fc.array(foreign, { minLength: 1, maxLength: 3 }), (objects) => {
      const { store } = readMesh({ base, rules });
      store.apply(objects.map((object) => ({ type: 'put', object })));
      expect(serve(store)).toEqual(before);
    }),
    { numRuns: 150 },
  );
});
