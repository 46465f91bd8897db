import { expect, it } from 'vitest';
import type { AnyMeshObject, MeshObject } from '../../../mesh/index.ts';
import { ClusterEntries } from './cluster-entries.ts';

function entry(name: string, hostAddresses?: Readonly<Record<string, readonly string[]>>): MeshObject<'ServiceEntry'> {
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'ServiceEntry',
    metadata: { name, namespace: 'shop', labels: {}, annotations: {} },
    spec: { hosts: [`${name}.example`], resolution: 'DNS', ...(hostAddresses === undefined ? {} : { hostAddresses }) },
  };
}

function put(entries: ClusterEntries, ...objects: readonly AnyMeshObject[]): Map<string, readonly string[]> {
  const changes = entries.address(objects.map((object) => ({ type: 'put', object })));
  return new Map(
    changes.flatMap((change) =>
      change.type === 'put' && change.object.kind === 'ServiceEntry'
        ? Object.entries(change.object.spec.hostAddresses ?? {})
        : [],
    ),
  );
}

it('two replicas that saw entries in another order agree once one of them has written its status', () => {
  const [one, two] = [new ClusterEntries(), new ClusterEntries()];
  const said = put(one, entry('a'), entry('b')).get('a.example');
  put(two, entry('b'));
  expect(put(two, entry('a', { 'a.example': said ?? [] })).get('a.example')).toEqual(said);
});

it('an address that another control plane gave stays as it is, and goes to nobody else', () => {
  const entries = new ClusterEntries();
  const own = put(new ClusterEntries(), entry('b')).get('b.example') ?? [];
  const found = put(entries, entry('a', { 'a.example': [own[0] ?? ''] }), entry('b'));
  expect(found.get('a.example')).toEqual([own[0]]);
  expect(found.get('b.example')).not.toContain(own[0]);
});

it('what is no ServiceEntry passes through, and gives nobody new addresses', () => {
  const entries = new ClusterEntries();
  put(entries, entry('a'));
  const change = { type: 'delete', ref: { kind: 'Service', namespace: 'shop', name: 'web' } } as const;
  expect(entries.address([change])).toEqual([change]);
});
