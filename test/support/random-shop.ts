// A small mesh, and arbitrary changes of it: of every kind that a waypoint's configuration is made
// from.

import * as fc from 'fast-check';
import {
  type AnyMeshObject,
  type MeshChange,
  type PolicyTargetReference,
  refOf,
  type TrafficPolicy,
} from '../../mesh/index.ts';

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

export const gateway = (name: string, trafficType = 'service', locality = 'eu/a'): AnyMeshObject => ({
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

export const service = (name: string, waypoint: string | undefined, portName: string): AnyMeshObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: metadata(name, waypoint === undefined ? {} : { 'istio.io/use-waypoint': waypoint }),
  spec: { clusterIP: `10.0.0.${name.length}`, selector: { app: name }, ports: [{ name: portName, port: 80 }] },
});

export const workload = (app: string, version: string): AnyMeshObject => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'WorkloadEntry',
  metadata: metadata(`${app}-${version}`),
  spec: {
    address: `10.1.${app.length}.${version.length}`,
    locality: version === 'v' ? 'eu/a' : 'eu/b',
    labels: { app, version },
  },
});

export const virtualService = (
  host: string,
  to: string,
  subset: string | undefined,
  seconds: number,
): AnyMeshObject => ({
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

export const tcpRules = (host: string, to: string, from: string | undefined): AnyMeshObject => ({
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

export const destinationRule = (
  host: string,
  subsets: readonly string[],
  trafficPolicy?: TrafficPolicy,
): AnyMeshObject => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'DestinationRule',
  metadata: metadata(host),
  spec: {
    host,
    subsets: subsets.map((name) => ({ name, labels: { version: name } })),
    ...(trafficPolicy === undefined ? {} : { trafficPolicy }),
  },
});

export const byHeader = (httpHeaderName: string): TrafficPolicy => ({
  loadBalancer: { consistentHash: { httpHeaderName } },
});
export const failingOver: TrafficPolicy = { outlierDetection: { consecutive5xxErrors: 2 } };
const passing: TrafficPolicy = { loadBalancer: { simple: 'PASSTHROUGH' } };

/** Of a service, or of the Gateway that is called `waypoint`. */
const targetRef = (name: string): PolicyTargetReference =>
  name === 'waypoint'
    ? { group: 'gateway.networking.k8s.io', kind: 'Gateway', name }
    : { group: '', kind: 'Service', name };

export const policy = (target: string, action: 'ALLOW' | 'DENY', account: string): AnyMeshObject => ({
  apiVersion: 'security.istio.io/v1',
  kind: 'AuthorizationPolicy',
  metadata: metadata(`${target}-${action.toLowerCase()}`),
  spec: {
    action,
    targetRefs: [targetRef(target)],
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

export const customPolicy = (target: string, provider: string): AnyMeshObject => ({
  apiVersion: 'security.istio.io/v1',
  kind: 'AuthorizationPolicy',
  metadata: metadata(`${target}-custom`),
  spec: {
    action: 'CUSTOM',
    provider: { name: provider },
    targetRefs: [targetRef(target)],
    rules: [{}],
  },
});

export const authentication = (target: string, key: string): AnyMeshObject => ({
  apiVersion: 'security.istio.io/v1',
  kind: 'RequestAuthentication',
  metadata: metadata(target),
  spec: {
    targetRefs: [{ group: '', kind: 'Service', name: target }],
    jwtRules: [{ issuer: 'someone', jwksUri: `https://${key}.example` }],
  },
});

export const keyDocument = (key: string, x: string): AnyMeshObject => ({
  apiVersion: 'cairn.dev/v1alpha1',
  kind: 'JwksDocument',
  metadata: { ...metadata(key), namespace: '' },
  spec: { uri: `https://${key}.example`, jwks: JSON.stringify({ keys: [{ kty: 'OKP', crv: 'Ed25519', x }] }) },
});

/** With an authorizer, and another trust domain beside. */
export const meshConfig = (provider: string, target: string, alias: string): AnyMeshObject => ({
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
export const publicKeys = [
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
  fc.tuple(fc.constantFrom(...apps, 'waypoint'), fc.constantFrom('p', 'q')).map((args) => customPolicy(...args)),
  fc.tuple(app, fc.constantFrom('k', 'l')).map((args) => authentication(...args)),
  fc.tuple(fc.constantFrom('k', 'l'), fc.constantFrom(...publicKeys)).map((args) => keyDocument(...args)),
  fc
    .tuple(fc.constantFrom('p', 'q'), app, fc.constantFrom('old.example', 'older.example'))
    .map((args) => meshConfig(...args)),
);

/** One change: three in four put something, the others take it away. */
export const change: fc.Arbitrary<MeshChange> = fc.oneof(
  { weight: 3, arbitrary: object.map((put): MeshChange => ({ type: 'put', object: put })) },
  { weight: 1, arbitrary: object.map((gone): MeshChange => ({ type: 'delete', ref: refOf(gone) })) },
);

/** The objects before the first change. */
export const shop: readonly AnyMeshObject[] = [
  namespace('waypoint'),
  gateway('waypoint'),
  ...apps.map((name) => service(name, undefined, 'http')),
  ...apps.flatMap((name) => [workload(name, 'v'), workload(name, 'vv')]),
  destinationRule('a', ['v', 'vv']),
];

export const put = (object: AnyMeshObject): MeshChange => ({ type: 'put', object });
