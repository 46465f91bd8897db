// A change costs what it changes: the resources that an edit pushes, their bytes, and that the work
// does not grow with the mesh around it. Counts and bytes, never times.

import { describe, expect, it } from 'vitest';
import { Generator } from '../../generator/index.ts';
import {
  type AnyMeshObject,
  type IndexKinds,
  type IndexName,
  type Kind,
  type MeshChange,
  type MeshObject,
  type MeshSettings,
  type MeshSnapshot,
  MeshStore,
  refOf,
} from '../../mesh/index.ts';
import {
  changesOf,
  type EditKind,
  makeEdit,
  makeMesh,
  makePolicy,
  makeService,
  makeVirtualService,
} from '../../tools/bench/mesh.ts';

const services = 40;
const largest = 8 * 1024;

/** Counts the questions that are asked of a store, and the objects in the answers. */
class CountingMesh implements MeshSnapshot {
  readonly #store: MeshStore;
  questions = 0;
  objects = 0;

  constructor(store: MeshStore) {
    this.#store = store;
  }

  get settings(): MeshSettings {
    this.questions += 1;
    return this.#store.settings;
  }

  get<K extends Kind>(kind: K, namespace: string, name: string): MeshObject<K> | undefined {
    this.#count(1);
    return this.#store.get(kind, namespace, name);
  }

  list<K extends Kind>(kind: K): readonly MeshObject<K>[] {
    return this.#counted(this.#store.list(kind));
  }

  find<I extends IndexName>(index: I, key: string): readonly MeshObject<IndexKinds[I]>[] {
    return this.#counted(this.#store.find(index, key));
  }

  #counted<T>(answer: readonly T[]): readonly T[] {
    this.#count(answer.length);
    return answer;
  }

  #count(objects: number): void {
    this.questions += 1;
    this.objects += objects;
  }
}

/**
 * The resources that one change of a mesh pushes, as `Type name`, and its questions to the store.
 */
interface Pushed {
  readonly upserts: readonly string[];
  readonly removals: readonly string[];
  readonly bytes: number;
  readonly most: number;
  readonly questions: number;
  readonly objects: number;
}

const put = (object: AnyMeshObject): MeshChange => ({ type: 'put', object });
const shortName = ({ typeUrl, name }: { readonly typeUrl: string; readonly name: string }): string =>
  `${typeUrl.slice(typeUrl.lastIndexOf('.') + 1)} ${name}`;

/** A mesh with its generator, to be edited. */
function makeEdited(count: number, more: readonly AnyMeshObject[] = []): (changes: readonly MeshChange[]) => Pushed {
  const store = new MeshStore();
  const mesh = new CountingMesh(store);
  const generator = new Generator(mesh);
  generator.invalidate(store.apply([...makeMesh(count), ...more].map(put)));
  generator.advance();
  return (changes) => {
    const touched = store.apply(changes);
    mesh.questions = mesh.objects = 0;
    generator.invalidate(touched);
    const { proxies } = generator.advance();
    expect([...proxies.keys()]).toEqual(['waypoint/bench/waypoint']);
    const { upserts, removals } = proxies.get('waypoint/bench/waypoint') ?? { upserts: [], removals: [] };
    const sizes = upserts.map(({ bytes }) => bytes.length);
    return {
      upserts: upserts.map(shortName).sort(),
      removals: removals.map(shortName).sort(),
      bytes: sizes.reduce((sum, size) => sum + size, 0),
      most: Math.max(...sizes),
      questions: mesh.questions,
      objects: mesh.objects,
    };
  };
}

function push(changes: readonly MeshChange[], more: readonly AnyMeshObject[] = []): Pushed {
  return makeEdited(services, more)(changes);
}

function pushEdit(kind: EditKind): Pushed {
  return push(
    changesOf(makeEdit(kind, services, 1)),
    kind === 'service-remove' ? makeEdit(kind, services, 1).removed : [],
  );
}

const edited = (kind: EditKind): string => makeEdit(kind, services, 1).put[0]?.metadata.name ?? '';
const hostOf = (service: string): string => `${service}.bench.svc.cluster.local`;
const chainOf = (service: string): string => `inbound-vip|80|http|${hostOf(service)}`;
const tunnelsOf = (service: string): string => `connect|80|${hostOf(service)}`;
const subsetOf = (service: string, subset: string): string => `inbound-vip|80|http/${subset}|${hostOf(service)}`;

describe('what an edit pushes', () => {
  it.each(['VirtualService', 'HTTPRoute', 'AuthorizationPolicy'] as const)(
    'of a %s: the route configuration of its service',
    (kind) => {
      const { upserts, removals, bytes } = pushEdit(kind);
      expect(upserts).toEqual([`RouteConfiguration ${chainOf(edited(kind))}`]);
      expect(removals).toEqual([]);
      expect(bytes).toBeLessThanOrEqual(largest);
    },
  );

  it('of a DestinationRule: the clusters of its host', () => {
    const { upserts, removals, bytes } = pushEdit('DestinationRule');
    const service = edited('DestinationRule');
    expect(upserts).toEqual(
      [subsetOf(service, 'v1'), subsetOf(service, 'v2'), chainOf(service)].map((name) => `Cluster ${name}`),
    );
    expect(removals).toEqual([]);
    expect(bytes).toBeLessThanOrEqual(largest);
  });

  it('of an endpoint: the endpoints of the clusters that it is in', () => {
    const { upserts, removals, bytes } = pushEdit('endpoint');
    const service = edited('endpoint').replace('-v1', '');
    expect(upserts).toEqual([subsetOf(service, 'v1'), chainOf(service)].map((name) => `ClusterLoadAssignment ${name}`));
    expect(removals).toEqual([]);
    expect(bytes).toBeLessThanOrEqual(largest);
  });

  const own = (service: string): readonly string[] => [
    `Cluster ${chainOf(service)}`,
    `ClusterLoadAssignment ${chainOf(service)}`,
    `RouteConfiguration ${tunnelsOf(service)}`,
    `RouteConfiguration ${chainOf(service)}`,
    `ScopedRouteConfiguration ${chainOf(service)}`,
  ];
  const isAddress = (name: string): boolean => name.startsWith('ScopedRouteConfiguration connect|');

  it('that adds a service: its own resources, with a scope for its address', () => {
    const { upserts, removals, bytes } = pushEdit('service-add');
    expect(upserts.filter((name) => !isAddress(name))).toEqual(own(edited('service-add')));
    expect(upserts.filter(isAddress)).toHaveLength(1);
    expect(removals).toEqual([]);
    expect(bytes).toBeLessThanOrEqual(largest);
  });

  it('that removes a service: nothing, and its own resources go', () => {
    const { upserts, removals } = pushEdit('service-remove');
    expect(upserts).toEqual([]);
    expect(removals.filter((name) => !isAddress(name))).toEqual(own(edited('service-add')));
    expect(removals.filter(isAddress)).toHaveLength(1);
  });

  it('that adds or removes a service: the same in a mesh of 10, 1,000 and 10,000 services', () => {
    const added = makeService(30_000);
    const removed = added.map((object): MeshChange => ({ type: 'delete', ref: refOf(object) }));
    const [first, ...others] = [10, 1_000, 10_000].map((count) => {
      const edit = makeEdited(count);
      return [edit(added.map(put)), edit(removed)].map(({ upserts, removals, bytes, most }) => ({
        upserts,
        removals,
        bytes,
        most,
      }));
    });
    for (const other of others) expect(other).toEqual(first);
  }, 60_000);

  it('of the access log: the connection managers, and no listener', () => {
    const config = { apiVersion: 'mesh.istio.io/v1alpha1', kind: 'MeshConfig', spec: { accessLogFile: '/dev/stderr' } };
    const metadata = { namespace: '', name: 'mesh', labels: {}, annotations: {} };
    const { upserts, removals } = push([put({ ...config, metadata } as AnyMeshObject)]);
    expect(upserts.filter((name) => !name.startsWith('TypedExtensionConfig'))).toEqual([]);
    expect(upserts.length).toBeLessThan(12);
    expect(removals).toEqual([]);
  });

  it('that names a host which the waypoint does not serve: its cluster too, the first time only', () => {
    const [service, ...rest] = makeEdit('service-add', services, 0).put;
    if (service === undefined) throw new Error('no service');
    const labels = { 'istio.io/use-waypoint': 'none' };
    const foreign = { ...service, metadata: { ...service.metadata, labels } } as AnyMeshObject;
    const lead = (index: number): AnyMeshObject => {
      const rule = makeVirtualService(index, 1);
      const http = [{ route: [{ destination: { host: foreign.metadata.name } }] }];
      return { ...rule, spec: { ...rule.spec, http } } as AnyMeshObject;
    };
    const cluster = `outbound|80||${hostOf(foreign.metadata.name)}`;
    const routes = (index: number): string => `RouteConfiguration ${chainOf(lead(index).metadata.name)}`;
    const first = push([put(lead(0))], [foreign, ...rest]);
    const subsets = first.upserts.filter((name) => name.includes('|v1|') || name.includes('|v2|'));
    expect(first.upserts.filter((name) => !subsets.includes(name))).toEqual([
      `Cluster ${cluster}`,
      `ClusterLoadAssignment ${cluster}`,
      routes(0),
    ]);
    expect(push([put(lead(10))], [foreign, ...rest, lead(0)]).upserts).toEqual([routes(10)]);
  });

  it.each([
    ['Gateway', 'waypoint'],
    ['GatewayClass', 'istio-waypoint'],
  ])('of a policy on a %s: one small resource for each frontend', (kind, name) => {
    const group = 'gateway.networking.k8s.io';
    const policy = makePolicy(0, 1);
    const namespace = kind === 'GatewayClass' ? 'istio-system' : 'bench';
    const whole = {
      ...policy,
      metadata: { ...policy.metadata, name: 'whole', namespace },
      spec: { ...policy.spec, targetRefs: [{ group, kind, name }] },
    } as AnyMeshObject;
    const { upserts, removals, most } = push([put(whole)]);
    expect(upserts.length).toBe(services);
    expect(upserts.every((resource) => resource.startsWith('RouteConfiguration inbound-vip|'))).toBe(true);
    expect(removals).toEqual([]);
    expect(most).toBeLessThanOrEqual(largest);
  });
});

describe('the work of an edit', () => {
  it('is the same in a mesh of 100 services and in one of 2,000', () => {
    const [small, large] = [makeEdited(100), makeEdited(2000)];
    for (const kind of ['VirtualService', 'HTTPRoute', 'AuthorizationPolicy', 'DestinationRule', 'endpoint'] as const) {
      const [few, many] = [small(changesOf(makeEdit(kind, 100, 1))), large(changesOf(makeEdit(kind, 2000, 1)))];
      expect(many, kind).toEqual(few);
      expect(many.questions, kind).toBeLessThan(200);
      expect(many.objects, kind).toBeLessThan(200);
    }
    const [few, many] = [
      small(changesOf(makeEdit('service-add', 100, 1))),
      large(changesOf(makeEdit('service-add', 2000, 1))),
    ];
    // Served services are listed, which is one question, and none of the others is looked at.
    expect(many.questions).toBe(few.questions);
  }, 60_000);
});
