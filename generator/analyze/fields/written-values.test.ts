// A value that means nothing is never silent: a user who misspells one must not believe that it
// holds.

import { expect, it } from 'vitest';
import { type AnyMeshObject, defaultMeshSettings, MeshStore } from '../../../mesh/index.ts';
import { analyzeMesh } from '../../whole/waypoint.ts';

type Texts = Readonly<Record<string, string>>;

function findingsOf(kind: string, labels: Texts, annotations: Texts): readonly string[] {
  const spec =
    kind === 'Gateway'
      ? { gatewayClassName: 'istio-waypoint', listeners: [{ name: 'mesh', port: 15008, protocol: 'HBONE' }] }
      : { controllerName: 'istio.io/mesh-controller', hosts: ['a.example'], addresses: ['10.0.0.1'] };
  const object = {
    apiVersion: 'v1',
    kind,
    metadata: { name: 'a', namespace: 'shop', labels, annotations },
    spec,
  } as unknown as AnyMeshObject;
  const mesh = new MeshStore(defaultMeshSettings);
  mesh.apply([{ type: 'put', object }]);
  return analyzeMesh(mesh)
    .filter(({ code, path }) => code === 'InvalidValue' && path[0] === 'metadata')
    .map(({ severity, path }) => `${severity} ${path.slice(1).join(' ')}`);
}

const cases: readonly (readonly [
  kind: string,
  on: 'labels' | 'annotations',
  key: string,
  good: string,
  bad: string,
])[] = [
  ['AuthorizationPolicy', 'annotations', 'istio.io/dry-run', 'true', 'TRUE'],
  ['AuthorizationPolicy', 'annotations', 'istio.io/dry-run', 'false', '1'],
  ['AuthorizationPolicy', 'annotations', 'istio.io/dry-run', 'FALSE', 'yes'],
  ['Gateway', 'labels', 'istio.io/waypoint-for', 'workload', 'workloads'],
  ['GatewayClass', 'labels', 'istio.io/waypoint-for', 'all', 'All'],
  ['Gateway', 'annotations', 'cairn.dev/path-normalization', 'DEFAULT', 'base'],
  ['Service', 'annotations', 'cairn.dev/path-normalization', 'NONE', 'OFF'],
  ['Service', 'annotations', 'networking.istio.io/traffic-distribution', 'PreferSameZone', 'SameZone'],
  ['ServiceEntry', 'annotations', 'istio.io/connect-strategy', 'DEFAULT', 'RACE'],
];

it.each(cases)('%s %s %s: %s is a value, %s is reported', (kind, on, key, good, bad) => {
  const found = (value: string): readonly string[] =>
    on === 'labels' ? findingsOf(kind, { [key]: value }, {}) : findingsOf(kind, {}, { [key]: value });
  expect(found(good)).toEqual([]);
  expect(found('')).toEqual([]);
  expect(found(bad)).toEqual([`error ${on} ${key}`]);
});
