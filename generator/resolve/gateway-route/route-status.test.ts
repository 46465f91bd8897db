// The status of a route: one entry for each parent that is a service, for the generation that was
// read.

import { expect, it } from 'vitest';
import { MeshStore, type MeshObject } from '../../../mesh/index.ts';
import { resolveRouteStatuses } from './route-status.ts';

const metadata = (name: string): MeshObject['metadata'] => ({ name, namespace: 'shop', labels: {}, annotations: {} });

it('speaks for service parents only, of the generation that it judged', () => {
  const store = new MeshStore();
  const parent = { group: '', kind: 'Service', name: 'web' };
  const backend = { name: 'web', port: 80 };
  store.apply([
    {
      type: 'put',
      object: {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: metadata('web'),
        spec: { clusterIP: '10.0.0.1', ports: [{ name: 'http', port: 80 }] },
      },
    },
    {
      type: 'put',
      object: {
        apiVersion: 'gateway.networking.k8s.io/v1',
        kind: 'HTTPRoute',
        metadata: { ...metadata('both'), generation: 7 },
        spec: { parentRefs: [{ name: 'ingress' }, parent], rules: [{ backendRefs: [backend] }] },
      },
    },
    {
      type: 'put',
      object: {
        apiVersion: 'gateway.networking.k8s.io/v1',
        kind: 'HTTPRoute',
        metadata: metadata('north-south'),
        spec: { parentRefs: [{ name: 'ingress' }], rules: [{ backendRefs: [backend] }] },
      },
    },
  ]);
  const [status, ...others] = resolveRouteStatuses(store);
  expect(others).toEqual([]);
  expect(status?.ref.name).toBe('both');
  expect(status?.parents.map(({ parentRef }) => parentRef)).toEqual([parent]);
  expect(status?.parents[0]?.controllerName).toBe('istio.io/gateway-controller');
  expect(status?.parents[0]?.conditions.map(({ observedGeneration }) => observedGeneration)).toEqual([7, 7, 7]);
});
