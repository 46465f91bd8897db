import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Kind } from './kinds/table.ts';
import type { AnyMeshObject } from './object.ts';
import { findKey, getKey, listKey, trackReads } from './query.ts';
import { defaultMeshSettings } from './settings.ts';
import type { IndexName } from './kinds/table.ts';
import type { MeshSnapshot, QueryKey } from './snapshot.ts';
import type { MeshChange } from './store.ts';
import { MeshStore, diffObjects } from './store.ts';

const names = ['a', 'b'];
const namespaces = ['x', 'y'];
const hosts = ['a', 'b.y.svc.cluster.local', '*.example.com', '*', 'Shop.Example.com'];
const settings = [defaultMeshSettings, { ...defaultMeshSettings, clusterDomain: 'mesh.example' }];

const metadata = fc.record({
  name: fc.constantFrom(...names),
  namespace: fc.constantFrom(...namespaces),
  labels: fc.oneof(
    fc.constant({}),
    fc.record(
      {
        'istio.io/use-waypoint': fc.constantFrom('w', 'none'),
        'istio.io/use-waypoint-namespace': fc.constantFrom(...namespaces),
        'kubernetes.io/service-name': fc.constantFrom(...names),
        app: fc.constantFrom(...names),
      },
      { requiredKeys: ['istio.io/use-waypoint'] },
    ),
  ),
  annotations: fc.constant({}),
});
const aged = fc
  .tuple(metadata, fc.constantFrom(undefined, '2024-01-01T00:00:00Z', '2025-01-01T00:00:00Z'))
  .map(([meta, created]) => (created === undefined ? meta : { ...meta, creationTimestamp: created }));
const hostList = fc.uniqueArray(fc.constantFrom(...hosts), { minLength: 1, maxLength: 3 });

function objectsOf<K extends Kind>(
  kind: K,
  spec: fc.Arbitrary<Extract<AnyMeshObject, { kind: K }>['spec']>,
): fc.Arbitrary<AnyMeshObject> {
  return fc.record({ metadata: aged, spec }).map(({ metadata, spec }) => {
    const scoped = kind === 'Namespace' ? { ...metadata, namespace: '' } : metadata;
    return { apiVersion: 'v1', kind, metadata: scoped, spec } as AnyMeshObject;
  });
}

const targetRefs = fc.array(
  fc.record({ kind: fc.constantFrom('Service', 'GatewayClass'), name: fc.constantFrom(...names) }),
);
const object: fc.Arbitrary<AnyMeshObject> = fc.oneof(
  objectsOf('Service', fc.record({ clusterIP: fc.constantFrom('10.0.0.1', 'None') })),
  objectsOf('Namespace', fc.constant({})),
  objectsOf('VirtualService', fc.record({ hosts: hostList })),
  objectsOf('DestinationRule', fc.record({ host: fc.constantFrom(...hosts) })),
  objectsOf(
    'ServiceEntry',
    fc.record({ hosts: hostList, addresses: fc.constantFrom([], ['10.0.0.1/32', '2001:DB8::1'], ['10.0.0.0/8']) }),
  ),
  objectsOf('Gateway', fc.record({ gatewayClassName: fc.constantFrom('istio-waypoint', 'other') })),
  objectsOf('AuthorizationPolicy', fc.record({ targetRefs })),
  objectsOf('RequestAuthentication', fc.record({ targetRefs })),
  objectsOf(
    'JwksDocument',
    fc.record({
      uri: fc.constantFrom('https://one.example/keys', 'https://two.example/keys'),
      jwks: fc.constant('{}'),
    }),
  ),
  objectsOf('Pod', fc.record({ ready: fc.boolean() })),
  objectsOf('EndpointSlice', fc.constant({ addressType: 'IPv4' as const })),
  objectsOf('MeshConfig', fc.record({ rootNamespace: fc.constantFrom('x', 'y') })),
);
const change: fc.Arbitrary<MeshChange> = fc.oneof(
  { weight: 3, arbitrary: object.map((object): MeshChange => ({ type: 'put', object })) },
  {
    weight: 1,
    arbitrary: object.map(({ kind, metadata }): MeshChange => ({
      type: 'delete',
      ref: { kind, namespace: metadata.namespace, name: metadata.name },
    })),
  },
);

const kinds = [
  'Service',
  'Namespace',
  'VirtualService',
  'DestinationRule',
  'ServiceEntry',
  'Gateway',
  'AuthorizationPolicy',
  'RequestAuthentication',
  'JwksDocument',
  'MeshConfig',
  'Pod',
  'EndpointSlice',
] as const;
const indexes: Readonly<Partial<Record<IndexName, readonly string[]>>> = {
  'Service/namespace': namespaces,
  'ServiceEntry/namespace': namespaces,
  'WorkloadEntry/namespace': namespaces,
  'WorkloadEntry/waypoint': ['x/w', 'y/w'],
  'WorkloadEntry/account': ['x/default', 'y/default'],
  'WorkloadEntry/label': ['x/app=a', 'y/app=b'],
  'EndpointSlice/service': ['x/a', 'y/b'],
  'Pod/account': ['x/default', 'y/default'],
  'Pod/label': ['x/app=a', 'y/app=b'],
  'Pod/namespace': namespaces,
  'Pod/waypoint': ['x/w', 'y/w'],
  'Service/waypoint': ['x/w', 'y/w', 'x/none'],
  'ServiceEntry/waypoint': ['x/w', 'y/w'],
  'Namespace/waypoint': ['a/w', 'b/w', 'x/w', 'y/w'],
  'ServiceEntry/host': ['a', '*', 'shop.example.com'],
  'Service/address': ['10.0.0.1', '2001:db8::1'],
  'ServiceEntry/address': ['10.0.0.1', '2001:db8::1'],
  'WorkloadEntry/address': ['10.0.0.1'],
  'Gateway/address': ['10.0.0.1'],
  'ServiceEntry/range': [''],
  'VirtualService/host': [
    'a.x.svc.cluster.local',
    'a.x.svc.mesh.example',
    'b.y.svc.cluster.local',
    '*.example.com',
    '*',
  ],
  'VirtualService/wildcard': [''],
  'VirtualService/delegate': ['x/a'],
  'DestinationRule/host': ['a.x.svc.cluster.local', 'a.y.svc.mesh.example', '*'],
  'DestinationRule/wildcard': [''],
  'AuthorizationPolicy/target': ['Service/x/a', 'Service/y/b', 'GatewayClass//a'],
  'BackendTLSPolicy/target': ['Service/x/a'],
  'RequestAuthentication/target': ['Service/x/a', 'Service/y/b', 'GatewayClass//a'],
  'JwksDocument/uri': ['https://one.example/keys', 'https://two.example/keys'],
  'Gateway/class': ['istio-waypoint', 'other'],
  'GRPCRoute/parent': ['Service/x/a'],
  'HTTPRoute/parent': ['Service/x/a', 'Service/y/b', 'ServiceEntry/x/a'],
  'ReferenceGrant/namespace': namespaces,
  'TCPRoute/parent': ['Service/x/a'],
  'TLSRoute/parent': ['Service/x/a'],
};

/** The answers to every question on which the objects above can have an effect. */
function answersOf(snapshot: MeshSnapshot): Map<QueryKey, string> {
  const answers = new Map<QueryKey, string>([['settings', JSON.stringify(snapshot.settings)]]);
  for (const kind of kinds) {
    answers.set(listKey(kind), JSON.stringify(snapshot.list(kind)));
    for (const namespace of ['', ...namespaces]) {
      for (const name of names)
        answers.set(getKey(kind, namespace, name), JSON.stringify(snapshot.get(kind, namespace, name)));
    }
  }
  for (const [index, keys] of Object.entries(indexes) as [IndexName, readonly string[]][]) {
    for (const key of keys) answers.set(findKey(index, key), JSON.stringify(snapshot.find(index, key)));
  }
  return answers;
}

describe('the store', () => {
  it('names every question whose answer a change altered', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(change, fc.constantFrom(...settings)), { maxLength: 30 }), (steps) => {
        const store = new MeshStore();
        let before = answersOf(store);
        for (const step of steps) {
          const touched = 'type' in step ? store.apply([step]) : store.setSettings(step);
          const after = answersOf(store);
          for (const [query, answer] of after) if (answer !== before.get(query)) expect(touched).toContain(query);
          before = after;
        }
      }),
    );
  });

  it('answers as one that was built anew from what it holds', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 30 }), fc.constantFrom(...settings), (changes, chosen) => {
        const store = new MeshStore();
        store.apply(changes.slice(0, 15));
        store.setSettings(chosen);
        store.apply(changes.slice(15));
        const rebuilt = new MeshStore(chosen);
        rebuilt.apply(
          kinds.flatMap((kind) => store.list(kind)).map((object) => ({ type: 'put', object: object as AnyMeshObject })),
        );
        expect(answersOf(store)).toEqual(answersOf(rebuilt));
      }),
    );
  });

  it('gives the same answers whatever the order in which objects arrive', () => {
    const distinct = fc.uniqueArray(object, {
      selector: ({ kind, metadata }) => `${kind}/${metadata.namespace}/${metadata.name}`,
    });
    fc.assert(
      fc.property(
        distinct.chain((list) => fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length }))),
        ([list, shuffled]) => {
          const [store, other] = [new MeshStore(), new MeshStore()];
          store.apply(list.map((object) => ({ type: 'put', object })));
          other.apply(shuffled.map((object) => ({ type: 'put', object })));
          expect(answersOf(store)).toEqual(answersOf(other));
        },
      ),
    );
  });

  it('touches nothing when an object comes again as it was', () => {
    fc.assert(
      fc.property(object, (object) => {
        const store = new MeshStore();
        store.apply([{ type: 'put', object }]);
        expect([...store.apply([{ type: 'put', object: structuredClone(object) }])]).toEqual([]);
        expect([...store.setSettings({ ...defaultMeshSettings })]).toEqual([]);
      }),
    );
  });

  it('is brought from one set of objects to another by their difference', () => {
    const set = fc.uniqueArray(object, {
      selector: ({ kind, metadata }) => `${kind}/${metadata.namespace}/${metadata.name}`,
    });
    fc.assert(
      fc.property(set, set, (before, after) => {
        const store = new MeshStore();
        store.apply(diffObjects([], before));
        store.apply(diffObjects(before, after));
        const direct = new MeshStore();
        direct.apply(diffObjects([], after));
        expect(answersOf(store)).toEqual(answersOf(direct));
        expect(diffObjects(after, after)).toEqual([]);
      }),
    );
  });

  it('puts the oldest first and those of unknown age last', () => {
    const make = (name: string, created?: string): MeshChange => ({
      type: 'put',
      object: {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: {
          name,
          namespace: 'x',
          labels: {},
          annotations: {},
          ...(created === undefined ? {} : { creationTimestamp: created }),
        },
        spec: {},
      },
    });
    const store = new MeshStore();
    store.apply([make('b'), make('a'), make('c', '2025-01-01T00:00:00Z'), make('d', '2024-01-01T00:00:00Z')]);
    expect(store.list('Service').map(({ metadata }) => metadata.name)).toEqual(['d', 'c', 'a', 'b']);
  });
});

describe('a tracked view', () => {
  it('writes down every question, answered or not', () => {
    const { snapshot, reads } = trackReads(new MeshStore());
    expect(reads.size).toBe(0);
    snapshot.get('Service', 'x', 'missing');
    snapshot.list('Gateway');
    snapshot.find('VirtualService/host', 'a.x.svc.cluster.local');
    expect(snapshot.settings).toEqual(defaultMeshSettings);
    expect([...reads]).toEqual([
      'get:Service/x/missing',
      'list:Gateway',
      'find:VirtualService/host:a.x.svc.cluster.local',
      'settings',
    ]);
  });
});
