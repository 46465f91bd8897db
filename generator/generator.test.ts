// After any sequence of edits the incremental generator serves what a full translation would serve, byte for byte; and a lone edit
// touches nothing but what it means.

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeResource, type EncodedResource, typeUrls } from '../envoy-api/index.ts';
import { type AnyMeshObject, type MeshChange, MeshStore, refOf, type TrafficPolicy } from '../mesh/index.ts';
import { Generator, type GeneratorUpdate, type ResourceChanges } from './generator.ts';
import { analyzeMesh, listWaypoints, translateWaypoint } from './translation.ts';

const metadata = (name: string, labels: Record<string, string> = {}): AnyMeshObject['metadata'] => ({
  name,
  namespace: 'shop',
  labels,
  annotations: {},
});

const namespace = (waypoint: string | undefined): AnyMeshObject => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: {
    ...metadata('shop', waypoint === undefined ? {} : { 'istio.io/use-waypoint': waypoint }),
    namespace: '',
  },
  spec: {},
});

const gateway = (name: string, trafficType = 'service', locality = 'eu/a'): AnyMeshObject => ({
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'Gateway',
  metadata: {
    ...metadata(name, { 'istio.io/waypoint-for': trafficType }),
    annotations: { 'cairn.dev/locality': locality },
  },
  spec: { gatewayClassName: 'istio-waypoint', listeners: [{ name: 'mesh', port: 15008, protocol: 'HBONE' }] },
});

const gatewayClass = (name: string, controllerName: string): AnyMeshObject => ({
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'GatewayClass',
  metadata: { ...metadata(name), namespace: '' },
  spec: { controllerName },
});

const service = (name: string, waypoint: string | undefined, portName: string): AnyMeshObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: metadata(name, waypoint === undefined ? {} : { 'istio.io/use-waypoint': waypoint }),
  spec: { clusterIP: `10.0.0.${name.length}`, selector: { app: name }, ports: [{ name: portName, port: 80 }] },
});

const workload = (app: string, version: string): AnyMeshObject => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'WorkloadEntry',
  metadata: metadata(`${app}-${version}`),
  spec: {
    address: `10.1.${app.length}.${version.length}`,
    locality: version === 'v' ? 'eu/a' : 'eu/b',
    labels: { app, version },
  },
});

const virtualService = (host: string, to: string, subset: string | undefined, seconds: number): AnyMeshObject => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'VirtualService',
  metadata: metadata(host),
  spec: {
    hosts: [host],
    http: [
      {
        route: [{ destination: { host: to, ...(subset === undefined ? {} : { subset }) } }],
        timeout: `${seconds}s`,
      },
    ],
  },
});

const tcpRules = (host: string, to: string, from: string | undefined): AnyMeshObject => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'VirtualService',
  metadata: metadata(`${host}-tcp`),
  spec: {
    hosts: [host],
    tcp: [
      {
        ...(from === undefined ? {} : { match: [{ sourceNamespace: from }] }),
        route: [{ destination: { host: to } }],
      },
    ],
  },
});

const delegating = (host: string, name: string | undefined): AnyMeshObject => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'VirtualService',
  metadata: metadata(name === undefined ? 'rules' : host),
  spec:
    name === undefined
      ? { http: [{ match: [{ uri: { prefix: '/x' } }], route: [{ destination: { host } }] }] }
      : { hosts: [host], http: [{ delegate: { name } }] },
});

const entry = (
  resolution: 'NONE' | 'STATIC' | 'DNS' | 'DYNAMIC_DNS',
  host: string,
  exportTo: string,
): AnyMeshObject => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'ServiceEntry',
  metadata: metadata('entry'),
  spec: {
    hosts: [host],
    addresses: ['10.2.0.1'],
    resolution,
    exportTo: [exportTo],
    ports: [{ number: 80, name: 'http' }],
  },
});

const destinationRule = (host: string, subsets: readonly string[], trafficPolicy?: TrafficPolicy): AnyMeshObject => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'DestinationRule',
  metadata: metadata(host),
  spec: {
    host,
    subsets: subsets.map((name) => ({ name, labels: { version: name } })),
    ...(trafficPolicy === undefined ? {} : { trafficPolicy }),
  },
});

const byHeader = (httpHeaderName: string): TrafficPolicy => ({ loadBalancer: { consistentHash: { httpHeaderName } } });
const failingOver: TrafficPolicy = { outlierDetection: { consecutive5xxErrors: 2 } };
const passing: TrafficPolicy = { loadBalancer: { simple: 'PASSTHROUGH' } };

const policy = (target: string, action: 'ALLOW' | 'DENY', account: string): AnyMeshObject => ({
  apiVersion: 'security.istio.io/v1',
  kind: 'AuthorizationPolicy',
  metadata: metadata(`${target}-${action.toLowerCase()}`),
  spec: {
    action,
    targetRefs: [
      target === 'waypoint'
        ? { group: 'gateway.networking.k8s.io', kind: 'Gateway', name: target }
        : { group: '', kind: 'Service', name: target },
    ],
    rules: [{ from: [{ source: { principals: [`cluster.local/ns/shop/sa/${account}`] } }] }],
  },
});

const route = (
  kind: 'GRPCRoute' | 'HTTPRoute' | 'TCPRoute' | 'TLSRoute',
  own: string,
  host: string,
  to: string,
): AnyMeshObject => ({
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind,
  metadata: { ...metadata(host), namespace: own },
  spec: {
    parentRefs: [{ group: '', kind: 'Service', name: host, namespace: 'shop' }],
    rules: [{ backendRefs: [{ name: to, namespace: 'shop', port: 80 }] }],
  },
});

const grant = (to: string): AnyMeshObject => ({
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'ReferenceGrant',
  metadata: metadata('grant'),
  spec: {
    from: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', namespace: 'consumer' }],
    to: [{ group: '', kind: 'Service', name: to }],
  },
});

const customPolicy = (target: string, provider: string): AnyMeshObject => ({
  apiVersion: 'security.istio.io/v1',
  kind: 'AuthorizationPolicy',
  metadata: metadata(`${target}-custom`),
  spec: {
    action: 'CUSTOM',
    provider: { name: provider },
    targetRefs: [{ group: '', kind: 'Service', name: target }],
    rules: [{}],
  },
});

const authentication = (target: string, key: string): AnyMeshObject => ({
  apiVersion: 'security.istio.io/v1',
  kind: 'RequestAuthentication',
  metadata: metadata(target),
  spec: {
    targetRefs: [{ group: '', kind: 'Service', name: target }],
    jwtRules: [{ issuer: 'someone', jwksUri: `https://${key}.example` }],
  },
});

const keyDocument = (key: string, x: string): AnyMeshObject => ({
  apiVersion: 'cairn.dev/v1alpha1',
  kind: 'JwksDocument',
  metadata: { ...metadata(key), namespace: '' },
  spec: { uri: `https://${key}.example`, jwks: JSON.stringify({ keys: [{ kty: 'OKP', crv: 'Ed25519', x }] }) },
});

/** With an authorizer, and another trust domain beside. */
const meshConfig = (provider: string, target: string, alias: string): AnyMeshObject => ({
  apiVersion: 'mesh.istio.io/v1alpha1',
  kind: 'MeshConfig',
  metadata: { ...metadata('mesh'), namespace: '' },
  spec: {
    trustDomainAliases: [alias],
    extensionProviders: [
      { name: provider, envoyExtAuthzHttp: { service: `${target}.shop.svc.cluster.local`, port: 80 } },
    ],
  },
});

const apps = ['a', 'bb', 'ccc'] as const;
const app = fc.constantFrom(...apps);
const version = fc.constantFrom('v', 'vv');
const waypointName = fc.constantFrom('waypoint', 'other', 'none', undefined);

/** Two points of the curve. */
const publicKeys = [
  'AwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
  'BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
] as const;

const object: fc.Arbitrary<AnyMeshObject> = fc.oneof(
  waypointName.map(namespace),
  fc
    .tuple(fc.constantFrom('istio-waypoint', 'another'), fc.constantFrom('istio.io/mesh-controller', 'someone.else'))
    .map((args) => gatewayClass(...args)),
  fc
    .tuple(
      fc.constantFrom('waypoint', 'other'),
      fc.constantFrom('service', 'workload', 'all'),
      fc.constantFrom('eu/a', 'eu/b'),
    )
    .map((args) => gateway(...args)),
  fc.tuple(app, waypointName, fc.constantFrom('http', 'tcp', 'grpc', 'unnamed')).map((args) => service(...args)),
  fc.tuple(app, version).map((args) => workload(...args)),
  fc
    .tuple(
      app,
      fc.constantFrom(...apps, 'nowhere', 'x.example.com'),
      fc.option(version, { nil: undefined }),
      fc.integer({ min: 1, max: 3 }),
    )
    .map((args) => virtualService(...args)),
  fc
    .tuple(app, fc.constantFrom(...apps, 'x.example.com'), fc.constantFrom(undefined, 'ops', 'lab'))
    .map((args) => tcpRules(...args)),
  fc.tuple(app, fc.constantFrom('rules', 'nothing', undefined)).map((args) => delegating(...args)),
  fc
    .tuple(
      fc.constantFrom('NONE', 'STATIC', 'DNS', 'DYNAMIC_DNS'),
      fc.constantFrom('x.example.com', '*.example.com'),
      fc.constantFrom('*', 'elsewhere'),
    )
    .map((args) => entry(...args)),
  fc
    .tuple(app, fc.uniqueArray(version), fc.constantFrom(undefined, byHeader('x'), byHeader('y'), failingOver, passing))
    .map((args) => destinationRule(...args)),
  fc
    .tuple(fc.constantFrom(...apps, 'waypoint'), fc.constantFrom('ALLOW', 'DENY'), fc.constantFrom('x', 'y'))
    .map((args) => policy(...args)),
  fc
    .tuple(
      fc.constantFrom('GRPCRoute', 'HTTPRoute', 'TCPRoute', 'TLSRoute'),
      fc.constantFrom('shop', 'consumer'),
      app,
      fc.constantFrom(...apps, 'nowhere'),
    )
    .map((args) => route(...args)),
  app.map(grant),
  fc.tuple(app, fc.constantFrom('p', 'q')).map((args) => customPolicy(...args)),
  fc.tuple(app, fc.constantFrom('k', 'l')).map((args) => authentication(...args)),
  fc.tuple(fc.constantFrom('k', 'l'), fc.constantFrom(...publicKeys)).map((args) => keyDocument(...args)),
  fc
    .tuple(fc.constantFrom('p', 'q'), app, fc.constantFrom('old.example', 'older.example'))
    .map((args) => meshConfig(...args)),
);

const change: fc.Arbitrary<MeshChange> = fc.oneof(
  { weight: 3, arbitrary: object.map((put): MeshChange => ({ type: 'put', object: put })) },
  { weight: 1, arbitrary: object.map((gone): MeshChange => ({ type: 'delete', ref: refOf(gone) })) },
);

const shop: readonly AnyMeshObject[] = [
  namespace('waypoint'),
  gateway('waypoint'),
  ...apps.map((name) => service(name, undefined, 'http')),
  ...apps.flatMap((name) => [workload(name, 'v'), workload(name, 'vv')]),
  destinationRule('a', ['v', 'vv']),
];

const put = (object: AnyMeshObject): MeshChange => ({ type: 'put', object });

/** What a proxy holds after it has taken every update. */
class Proxy {
  readonly held = new Map<string, string>();

  take({ upserts, removals }: ResourceChanges): void {
    for (const { typeUrl, name } of removals) {
      expect(this.held.delete(`${typeUrl} ${name}`), `removal of ${name}, which was never sent`).toBe(true);
    }
    for (const { typeUrl, name, version } of upserts) this.held.set(`${typeUrl} ${name}`, version);
  }
}

function expectFullTranslation(store: MeshStore, proxies: ReadonlyMap<string, Proxy>): void {
  const expected = new Map(
    listWaypoints(store).map((key) => [
      `waypoint/${key.namespace}/${key.name}`,
      translateWaypoint(store, key).resources.map(encodeResource),
    ]),
  );
  expect([...proxies.keys()].sort()).toEqual([...expected.keys()].sort());
  for (const [name, resources] of expected) {
    const wanted = resources.map(({ typeUrl, name: resource, version }) => [`${typeUrl} ${resource}`, version]);
    expect(Object.fromEntries(proxies.get(name)?.held ?? [])).toEqual(Object.fromEntries(wanted));
  }
}

describe('the incremental generator', () => {
  /** Applies batch after batch, and compares with a full translation when `compares` says so. */
  const run = (batches: readonly (readonly MeshChange[])[], compares: (index: number) => boolean): void => {
    const store = new MeshStore();
    const generator = new Generator(store);
    const proxies = new Map<string, Proxy>();
    for (const [index, batch] of [shop.map(put), ...batches].entries()) {
      const update = generator.update(store.apply(batch));
      for (const name of update.removedProxies) proxies.delete(name);
      for (const [name, changes] of update.proxies) {
        const proxy = proxies.get(name) ?? new Proxy();
        proxies.set(name, proxy);
        proxy.take(changes);
      }
      if (!compares(index)) continue;
      expectFullTranslation(store, proxies);
      expect(generator.findings()).toEqual(analyzeMesh(store));
    }
  };
  const batch = fc.array(change, { minLength: 1, maxLength: 4 });

  it('equals a full translation after each of a sequence of edits', () => {
    fc.assert(
      fc.property(fc.array(batch, { maxLength: 12 }), (batches) => run(batches, () => true)),
      { numRuns: 100 },
    );
  }, 300_000);

  it('equals a full translation at the end of any of two thousand sequences', () => {
    fc.assert(
      fc.property(fc.array(batch, { minLength: 1, maxLength: 6 }), (batches) =>
        run(batches, (index) => index === batches.length),
      ),
      { numRuns: 2000 },
    );
  }, 600_000);

  const edited = (edit: AnyMeshObject, before: readonly AnyMeshObject[] = []): ResourceChanges | undefined => {
    const store = new MeshStore();
    const generator = new Generator(store);
    generator.update(store.apply([...shop, ...before].map(put)));
    const update: GeneratorUpdate = generator.update(store.apply([put(edit)]));
    return update.proxies.get('waypoint/shop/waypoint');
  };

  const names = (resources: readonly Pick<EncodedResource, 'typeUrl' | 'name'>[] | undefined): readonly string[] =>
    (resources ?? []).map(({ typeUrl, name }) => `${typeUrl.slice(typeUrl.lastIndexOf('.') + 1)} ${name}`).sort();

  it('changes one route configuration for an edit of a VirtualService', () => {
    const changes = edited(virtualService('a', 'a', 'vv', 2), [virtualService('a', 'a', 'v', 1)]);
    expect(names(changes?.upserts)).toEqual(['RouteConfiguration inbound-vip|80|http|a.shop.svc.cluster.local']);
    expect(changes?.removals).toEqual([]);
  });

  it('changes one route configuration for an edit of an AuthorizationPolicy', () => {
    const changes = edited(policy('bb', 'ALLOW', 'y'), [policy('bb', 'ALLOW', 'x')]);
    expect(names(changes?.upserts)).toEqual(['RouteConfiguration inbound-vip|80|http|bb.shop.svc.cluster.local']);
  });

  it('changes one extension configuration for a new key of an issuer', () => {
    const [one, two] = publicKeys;
    const changes = edited(keyDocument('k', two), [keyDocument('k', one), authentication('bb', 'k')]);
    expect(names(changes?.upserts)).toEqual(['TypedExtensionConfig jwt|inbound-vip|80|http|bb.shop.svc.cluster.local']);
  });

  it('changes routes and authorizer of one service for a CUSTOM policy', () => {
    const changes = edited(customPolicy('bb', 'p'), [meshConfig('p', 'a', 'old.example')]);
    expect(names(changes?.upserts)).toEqual([
      'RouteConfiguration inbound-vip|80|http|bb.shop.svc.cluster.local',
      'TypedExtensionConfig custom|inbound-vip|80|http|bb.shop.svc.cluster.local',
    ]);
  });

  it('changes the endpoints of the clusters that a workload is in, and nothing else', () => {
    const moved = workload('a', 'v');
    const changes = edited({ ...moved, spec: { ...moved.spec, address: '10.9.9.9' } } as AnyMeshObject);
    expect(names(changes?.upserts)).toEqual([
      'ClusterLoadAssignment inbound-vip|80|http/v|a.shop.svc.cluster.local',
      'ClusterLoadAssignment inbound-vip|80|http|a.shop.svc.cluster.local',
    ]);
  });

  it('changes clusters only for an edit of what a DestinationRule hashes by', () => {
    const changes = edited(destinationRule('a', ['v'], byHeader('y')), [destinationRule('a', ['v'], byHeader('x'))]);
    expect(names(changes?.upserts)).toEqual([
      'Cluster inbound-vip|80|http/v|a.shop.svc.cluster.local',
      'Cluster inbound-vip|80|http|a.shop.svc.cluster.local',
    ]);
    expect(changes?.removals).toEqual([]);
  });

  it('changes endpoints only when a waypoint moves', () => {
    const changes = edited(gateway('waypoint', 'service', 'eu/b'), [destinationRule('a', [], failingOver)]);
    expect(names(changes?.upserts)).toEqual(['ClusterLoadAssignment inbound-vip|80|http|a.shop.svc.cluster.local']);
  });

  it('adds the cluster of a foreign host with the first route that names it', () => {
    const changes = edited(virtualService('a', 'ccc', undefined, 1), [service('ccc', 'none', 'http')]);
    expect(names(changes?.upserts)).toEqual([
      'Cluster outbound|80||ccc.shop.svc.cluster.local',
      'ClusterLoadAssignment outbound|80||ccc.shop.svc.cluster.local',
      'RouteConfiguration inbound-vip|80|http|a.shop.svc.cluster.local',
    ]);
  });

  it('changes where the connections of a TCP port go without touching a listener', () => {
    const changes = edited(tcpRules('a', 'bb', 'ops'), [service('a', undefined, 'tcp'), tcpRules('a', 'ccc', 'ops')]);
    expect(names(changes?.upserts)).toEqual([
      'TypedExtensionConfig tcp_proxy|inbound-vip|80|tcp|a.shop.svc.cluster.local|source.namespace=ops',
    ]);
    expect(changes?.removals).toEqual([]);
  });

  it('gives a new condition of a TCP port a chain of its own', () => {
    const changes = edited(tcpRules('a', 'a', 'lab'), [service('a', undefined, 'tcp'), tcpRules('a', 'a', 'ops')]);
    const chain = 'tcp_proxy|inbound-vip|80|tcp|a.shop.svc.cluster.local|source.namespace';
    expect(names(changes?.upserts)).toEqual(['Listener main_internal', `TypedExtensionConfig ${chain}=lab`]);
    expect(names(changes?.removals)).toEqual([`TypedExtensionConfig ${chain}=ops`]);
  });

  it('leaves other listeners than main_internal alone when a service appears', () => {
    const changes = edited(service('dddd', undefined, 'http'));
    expect(names(changes?.upserts).filter((name) => name.startsWith('Listener'))).toEqual(['Listener main_internal']);
    expect((changes?.upserts ?? []).some(({ typeUrl }) => typeUrl === typeUrls.secret)).toBe(false);
  });
});
