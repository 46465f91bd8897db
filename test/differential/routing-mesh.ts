// Random routes and requests for the differential of routing; and the manifests they stand in.

import * as fc from 'fast-check';
import { stringify } from 'yaml';
import type { RoutedRequest, WrittenMesh } from '../support/routing-terms.ts';
import { few, paths, pick } from './routing-arbitraries.ts';
import { grpcRoutes } from './routing-grpc-routes.ts';
import { httpRoutes } from './routing-http-routes.ts';
import { virtualServices, wildcards } from './routing-virtual-services.ts';

/**
 * How many services have random routes; the last ones are in namespace wild, the others in shop.
 */
export const serviceCount = 72;

/** `<namespace>/<name>` of a service with random routes. */
function serviceOf(index: number): string {
  return `${index < 60 ? 'shop' : 'wild'}/s${index}`;
}

/** `<namespace>/<service account>` of those who ask. */
export const clients: readonly string[] = ['shop/sleep', 'other/sleep', 'third/sleep'];

/** Ports of every service with random routes, and the ports of the workload behind them. */
export const ownPorts: Readonly<Record<number, number>> = { 80: 9001, 8080: 9002 };

/**
 * The services that random routes lead to: ports with those of the workloads, by
 * `<namespace>/<name>`.
 */
const backends: Readonly<Record<string, Readonly<Record<number, number>>>> = {
  'shop/one': { 80: 9011, 81: 9012 },
  'shop/two': { 9000: 9021 },
  'other/theirs': { 80: 9031 },
  'wild/theirs': { 80: 9041 },
};

/** Which routes may lead to which service of another namespace. */
const grants = [
  { kind: 'HTTPRoute', from: 'other', to: 'shop/one' },
  { kind: 'HTTPRoute', from: 'wild', to: 'shop/two' },
  { kind: 'GRPCRoute', from: 'wild', to: 'shop/one' },
  { kind: 'GRPCRoute', from: 'shop', to: 'other/theirs' },
] as const;

/**
 * The workloads: for each destination, or subset of one, the port it listens on and which of two
 * addresses it has.
 */
export const workloads: readonly { readonly name: string; readonly address: 0 | 1; readonly port: number }[] = [
  ...Object.entries(ownPorts).map(([port, target]) => ({ name: `own:${port}`, address: 0 as const, port: target })),
  ...Object.entries(backends).flatMap(([service, ports]) =>
    Object.entries(ports).flatMap(([port, target]) =>
      service === 'shop/one'
        ? ([0, 1] as const).map((address) => ({ name: `${service}:${port}/v${address + 1}`, address, port: target }))
        : [{ name: `${service}:${port}`, address: 0 as const, port: target }],
    ),
  ),
];

const disguises: readonly ((path: string) => string)[] = [
  ...Array.from({ length: 6 }, () => (path: string) => path),
  (path) => `/${path}`,
  (path) => `/.${path}`,
  (path) => `/x/..${path}`,
  (path) => path.replace('a', '%61'),
  (path) => path.replace('/b', '%2Fb'),
  (path) => `${path};v=1`,
  (path) => `${path}%00`,
  (path) => path.toUpperCase(),
  (path) => `${path}/`,
  (path) => `${path}/more`,
  (path) => path.replaceAll('/', '//'),
];
const queries = ['', '', '?v=1', '?v=2&w=1', '?w=12&v=1&v=2', '?v', '?v=&w=x', '?vv=1', '?v=1;w=2', '?', '?q=a/b?v=1'];
const asked = fc.record({
  method: pick('GET', 'GET', 'POST', 'DELETE', 'PUT'),
  path: fc
    .tuple(pick(...paths), pick(...disguises), pick(...queries))
    .map(([path, disguise, query]) => disguise(path) + query),
  host: pick('web.example', 'web.example:8080', 'Web.Example', 'web.example:80', 'other.test'),
  headers: few(
    fc.tuple(pick('x-role', 'X-Team', 'x-empty', 'x-other'), pick('admin', 'dev', 'ops', '', 'admin,dev')),
    0,
    4,
  ),
});

/** The result of a seed: a mesh, and requests for each client. */
export interface RandomMesh {
  readonly written: WrittenMesh;
  readonly requests: (client: string, service: number, count: number) => readonly RoutedRequest[];
}

/**
 * The mesh of a seed. Of the services one in five has HTTPRoutes and VirtualServices, the others
 * one of these or GRPCRoutes.
 */
export function randomMesh(seed: number): RandomMesh {
  const sample = <T>(arbitrary: fc.Arbitrary<T>, salt: number, numRuns = 1): T[] =>
    fc.sample(arbitrary, { numRuns, seed: (Math.imul(seed, 0x9e3779b1) + salt) | 0 });
  const indexes = Array.from({ length: serviceCount }, (_, index) => index);
  return {
    written: {
      services: new Map([
        ...indexes.map((index): [string, number[]] => [serviceOf(index), Object.keys(ownPorts).map(Number)]),
        ...Object.entries(backends).map(([name, ports]): [string, number[]] => [name, Object.keys(ports).map(Number)]),
      ]),
      subsets: new Map([['shop/one', ['v1', 'v2']]]),
      waypoint: 'shop',
      grants: new Set(grants.map(({ kind, from, to }) => `${kind} ${from} ${to}`)),
      virtualServices: [
        ...indexes.flatMap((index) => (index % 5 < 3 ? sample(virtualServices(serviceOf(index)), index).flat() : [])),
        ...sample(wildcards, 3000).flat(),
      ],
      httpRoutes: indexes.flatMap((index) =>
        [2, 3].includes(index % 5) ? sample(httpRoutes(serviceOf(index)), 1000 + index).flat() : [],
      ),
      // Those of two in three are alone, the others' beside HTTPRoutes.
      grpcRoutes: indexes.flatMap((index) =>
        index % 5 === 4 || index % 15 === 3 ? sample(grpcRoutes(serviceOf(index)), 2000 + index).flat() : [],
      ),
    },
    requests: (client, service, count) => {
      const salt = (clients.indexOf(client) + 2) * 10_000 + service * 10;
      return sample(fc.tuple(asked, pick(80, 80, 8080)), salt, count).map(([request, port]) => ({
        ...request,
        client: client.split('/')[0] ?? '',
        service: serviceOf(service),
        port,
      }));
    },
  };
}

/** The service address of a service with random routes. */
export function vipOf(index: number): string {
  return `10.40.0.${index + 1}`;
}

/** The manifests, with `$ADDRESS` for the waypoint's own; workloads are at the addresses. */
export function writeManifests(
  { virtualServices, httpRoutes, grpcRoutes: calls }: WrittenMesh,
  addresses: readonly [string, string],
): string {
  const service = (name: string, clusterIP: string, ports: Readonly<Record<number, number>>): unknown => {
    const [namespace, own] = name.split('/');
    const list = Object.entries(ports).map(([port, targetPort]) => ({
      name: `http-${port}`,
      port: Number(port),
      targetPort,
    }));
    const selector = name === 'shop/one' ? { app: 'one' } : { app: 'all' };
    return {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: own, namespace },
      spec: { clusterIP, selector, ports: list },
    };
  };
  const workload = (
    name: string,
    namespace: string,
    address: string,
    labels: Readonly<Record<string, string>>,
  ): unknown => ({
    apiVersion: 'networking.istio.io/v1',
    kind: 'WorkloadEntry',
    metadata: { name, namespace },
    spec: { address, labels },
  });
  const objects: unknown[] = [
    {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'shop', labels: { 'istio.io/use-waypoint': 'waypoint' } },
    },
    {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: {
        name: 'wild',
        labels: { 'istio.io/use-waypoint': 'waypoint', 'istio.io/use-waypoint-namespace': 'shop' },
      },
    },
    {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'Gateway',
      metadata: { name: 'waypoint', namespace: 'shop', annotations: { 'cairn.dev/listen-address': '$ADDRESS' } },
      spec: {
        gatewayClassName: 'istio-waypoint',
        listeners: [{ name: 'mesh', port: 15008, protocol: 'HBONE', allowedRoutes: { namespaces: { from: 'All' } } }],
      },
    },
    workload('all', 'shop', addresses[0], { app: 'all' }),
    workload('all', 'other', addresses[0], { app: 'all' }),
    workload('all', 'wild', addresses[0], { app: 'all' }),
    workload('one-v1', 'shop', addresses[0], { app: 'one', version: 'v1' }),
    workload('one-v2', 'shop', addresses[1], { app: 'one', version: 'v2' }),
    {
      apiVersion: 'networking.istio.io/v1',
      kind: 'DestinationRule',
      metadata: { name: 'one', namespace: 'shop' },
      spec: { host: 'one', subsets: ['v1', 'v2'].map((version) => ({ name: version, labels: { version } })) },
    },
    ...grants.map(({ kind, from, to }, index) => {
      const [namespace, name] = to.split('/');
      return {
        apiVersion: 'gateway.networking.k8s.io/v1beta1',
        kind: 'ReferenceGrant',
        metadata: { name: `grant-${index}`, namespace },
        spec: {
          from: [{ group: 'gateway.networking.k8s.io', kind, namespace: from }],
          to: [{ group: '', kind: 'Service', name }],
        },
      };
    }),
    ...Object.entries(backends).map(([name, ports], index) => service(name, `10.41.0.${index + 1}`, ports)),
    ...Array.from({ length: serviceCount }, (_, index) => service(serviceOf(index), vipOf(index), ownPorts)),
    ...virtualServices.map((object) => ({ apiVersion: 'networking.istio.io/v1', kind: 'VirtualService', ...object })),
    ...httpRoutes.map((object) => ({ apiVersion: 'gateway.networking.k8s.io/v1', kind: 'HTTPRoute', ...object })),
    ...calls.map((object) => ({ apiVersion: 'gateway.networking.k8s.io/v1', kind: 'GRPCRoute', ...object })),
  ];
  return objects.map((object) => stringify(object, { aliasDuplicateObjects: false })).join('---\n');
}
