// The control plane of a Gateway if several revisions run in one cluster: two of them must never
// both serve it.

import { describe, expect, it } from 'vitest';
import { defaultMeshSettings, type Finding, MeshStore, parseManifest } from '../../../mesh/index.ts';
import { resolveBinding } from './binding.ts';
import { resolveGateway } from './gateway.ts';

function meshOf(revision: string | undefined, labels: { gateway?: string; namespace?: string }): MeshStore {
  const mesh = new MeshStore({ ...defaultMeshSettings, ...(revision === undefined ? {} : { revision }) });
  const label = (value: string | undefined): string => (value === undefined ? '{}' : `{istio.io/rev: ${value}}`);
  const text = `
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: ${label(labels.namespace)}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: waypoint, namespace: shop, labels: ${label(labels.gateway)}}
spec: {gatewayClassName: istio-waypoint, listeners: [{name: mesh, port: 15008, protocol: HBONE}]}
---
apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: shop, labels: {istio.io/use-waypoint: waypoint}}
spec: {clusterIP: 10.0.0.1, ports: [{name: http, port: 80}]}
`;
  mesh.apply(parseManifest('mesh.yaml', text).objects.map((object) => ({ type: 'put', object })));
  return mesh;
}

const key = { namespace: 'shop', name: 'waypoint' };

describe('a Gateway', () => {
  it.each([
    // Revision of the control plane, label of the Gateway, label of its namespace, whether it is
    // ours.
    [undefined, 'canary', undefined, true],
    ['', undefined, undefined, true],
    ['', 'default', undefined, true],
    ['default', undefined, undefined, true],
    ['', 'canary', undefined, false],
    ['', undefined, 'canary', false],
    ['canary', undefined, undefined, false],
    ['canary', undefined, 'canary', true],
    ['canary', 'default', 'canary', false],
    ['canary', 'canary', 'other', true],
  ])('for revision %j, labelled %j in a namespace labelled %j: ours is %j', (revision, gateway, namespace, isOurs) => {
    const mesh = meshOf(revision, { ...(gateway && { gateway }), ...(namespace && { namespace }) });
    expect(resolveGateway(mesh, key) !== undefined).toBe(isOurs);
  });
});

it('of another revision is said to be that control plane’s affair, and is no error of the service', () => {
  const mesh = meshOf('', { gateway: 'canary' });
  const findings: Finding[] = [];
  const service = mesh.get('Service', 'shop', 'reviews');
  if (service === undefined) throw new Error('there is no service');
  expect(resolveBinding({ mesh, report: (finding) => void findings.push(finding) }, service)).toBeUndefined();
  expect(findings).toMatchObject([{ code: 'WaypointNotFound', severity: 'info' }]);
});
