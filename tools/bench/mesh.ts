// The mesh that benchmarks run on: a waypoint and N services with one HTTP port and two workloads
// each. One service in ten has a VirtualService, a DestinationRule with two subsets and an
// AuthorizationPolicy, and one in ten an HTTPRoute; in a rich mesh every service has rules.
// Deterministic, so that sizes are comparable.

import { refOf } from '../../mesh/index.ts';
import type { AnyMeshObject, MeshChange, MeshObject, ObjectMeta, SpecByKind, Kind } from '../../mesh/index.ts';

/** Whom policies deny. */
const stranger = 'stranger';

/** The namespace that everything is in. */
export const meshNamespace = 'bench';
/** The name of the only Gateway. */
export const meshGateway = 'waypoint';

/** The kinds of edit whose propagation is measured. */
export const editKinds = [
  'VirtualService',
  'HTTPRoute',
  'AuthorizationPolicy',
  'DestinationRule',
  'endpoint',
  'service-add',
  'service-remove',
] as const;

/** One of `editKinds`. */
export type EditKind = (typeof editKinds)[number];

/** One edit as a source sees it: objects put and references deleted. */
export interface Edit {
  readonly put: readonly AnyMeshObject[];
  readonly removed: readonly AnyMeshObject[];
  /** The service that is edited, by its index. */
  readonly service: number;
}

/** The shape of a mesh. */
export interface MeshShape {
  /** Whether every service has rules. */
  readonly rich?: boolean;
  /** Where the waypoint accepts HBONE. */
  readonly listenAddress?: string | undefined;
}

/** The waypoint, its namespace and the objects of `count` services. */
export function makeMesh(count: number, shape: MeshShape = {}): readonly AnyMeshObject[] {
  const services = Array.from({ length: count }, (_, index) => makeService(index, shape));
  return [...makeFrame(shape.listenAddress), ...services.flat()];
}

/** The namespace, the Gateway, and the client that policies name. */
export function makeFrame(listenAddress?: string): readonly AnyMeshObject[] {
  return [
    object('Namespace', { ...meta(meshNamespace, { 'istio.io/use-waypoint': meshGateway }), namespace: '' }, {}),
    object(
      'Gateway',
      {
        ...meta(meshGateway),
        annotations: listenAddress === undefined ? {} : { 'cairn.dev/listen-address': listenAddress },
      },
      { gatewayClassName: 'istio-waypoint', listeners: [{ name: 'mesh', port: 15008, protocol: 'HBONE' }] },
    ),
    object('WorkloadEntry', meta(stranger), { address: '198.51.100.7', serviceAccount: stranger }),
  ];
}

/** Everything that belongs to one service. */
export function makeService(index: number, { rich = false }: MeshShape = {}): readonly AnyMeshObject[] {
  const name = serviceName(index);
  const hasRules = index % 10 === 0 || rich;
  // As API servers give them: from 10.96.0.0/16, of which the first are their own.
  const place = index + 256;
  return [
    object('Service', meta(name), {
      clusterIP: `10.${96 + (place >> 16)}.${(place >> 8) & 255}.${place & 255}`,
      selector: { app: name },
      ports: [{ name: 'http', port: 80, targetPort: 8080 }],
    }),
    makeWorkload(index, 'v1', 1),
    makeWorkload(index, 'v2', 1),
    ...(hasRules ? [makeDestinationRule(index, 1), makePolicy(index, 1)] : []),
    ...(usesHttpRoute(index) ? [makeHttpRoute(index, 1)] : hasRules ? [makeVirtualService(index, 1)] : []),
  ];
}

/** `s00042`: all names are of one length. */
export function serviceName(index: number): string {
  return `s${String(index).padStart(5, '0')}`;
}

/** Whether a service is routed by an HTTPRoute. */
export function usesHttpRoute(index: number): boolean {
  return index % 10 === 9;
}

/** The workload of a service in a version; its address follows from `revision`. */
export function makeWorkload(index: number, version: 'v1' | 'v2', revision: number): AnyMeshObject {
  const place = index * 2 + (version === 'v1' ? 0 : 1);
  return object('WorkloadEntry', meta(`${serviceName(index)}-${version}`), {
    address: `${11 + (place >> 16)}.${revision % 250}.${(place >> 8) & 255}.${place & 255}`,
    labels: { app: serviceName(index), version },
  });
}

/** Routes whose timeout is `revision` seconds, answered with a header that names it. */
export function makeVirtualService(index: number, revision: number): AnyMeshObject {
  const host = serviceName(index);
  return object('VirtualService', meta(host), {
    hosts: [host],
    http: [
      {
        match: [{ uri: { prefix: '/v2' } }],
        route: [{ destination: { host, subset: 'v2' } }],
        timeout: `${revision}s`,
        headers: { response: { set: { 'x-revision': String(revision) } } },
      },
      {
        route: [
          { destination: { host, subset: 'v1' }, weight: 90 },
          { destination: { host, subset: 'v2' }, weight: 10 },
        ],
        timeout: `${revision}s`,
        headers: { response: { set: { 'x-revision': String(revision) } } },
      },
    ],
  });
}

/** As the VirtualService, in the other API. */
export function makeHttpRoute(index: number, revision: number): AnyMeshObject {
  const name = serviceName(index);
  return object('HTTPRoute', meta(name), {
    parentRefs: [{ group: '', kind: 'Service', name }],
    rules: [
      {
        matches: [{ path: { type: 'PathPrefix', value: '/' } }],
        filters: [
          {
            type: 'ResponseHeaderModifier',
            responseHeaderModifier: { set: [{ name: 'x-revision', value: String(revision) }] },
          },
        ],
        backendRefs: [{ name, port: 80 }],
      },
    ],
  });
}

/** An authorization policy; `revision` is part of a path. */
export function makePolicy(index: number, revision: number): AnyMeshObject {
  return object('AuthorizationPolicy', meta(serviceName(index)), {
    action: 'DENY',
    targetRefs: [{ group: '', kind: 'Service', name: serviceName(index) }],
    rules: [
      {
        from: [{ source: { principals: [`cluster.local/ns/${meshNamespace}/sa/${stranger}`] } }],
        to: [{ operation: { methods: ['POST'], paths: [`/admin/${revision}`] } }],
      },
    ],
  });
}

/** Two subsets; `revision` is a limit of connections. */
export function makeDestinationRule(index: number, revision: number): AnyMeshObject {
  return object('DestinationRule', meta(serviceName(index)), {
    host: serviceName(index),
    trafficPolicy: { connectionPool: { tcp: { maxConnections: 1000 + revision } } },
    subsets: [
      { name: 'v1', labels: { version: 'v1' } },
      { name: 'v2', labels: { version: 'v2' } },
    ],
  });
}

/** An edit as a source tells it. */
export function changesOf({ put, removed }: Pick<Edit, 'put' | 'removed'>): readonly MeshChange[] {
  return [
    ...put.map((object): MeshChange => ({ type: 'put', object })),
    ...removed.map((object): MeshChange => ({ type: 'delete', ref: refOf(object) })),
  ];
}

/**
 * The edit of a kind number `round`, of a mesh of `count` services. Each round edits another
 * service that has rules of the kind; services are added beyond the mesh, and removed in the order
 * in which they were added.
 */
export function makeEdit(kind: EditKind, count: number, round: number, { rich = false }: MeshShape = {}): Edit {
  const revision = round + 2;
  const tenth = ((round * 7) % Math.max(1, Math.floor(count / 10))) * 10;
  // No HTTPRoute is in the way of the first nine of ten.
  const place = rich ? tenth + (round % 9) : tenth;
  const index = kind.startsWith('service-') ? count + round : kind === 'HTTPRoute' ? tenth + 9 : place;
  const put = (one: AnyMeshObject): Edit => ({ put: [one], removed: [], service: index });
  switch (kind) {
    case 'VirtualService':
      return put(makeVirtualService(index, revision));
    case 'HTTPRoute':
      return put(makeHttpRoute(index, revision));
    case 'AuthorizationPolicy':
      return put(makePolicy(index, revision));
    case 'DestinationRule':
      return put(makeDestinationRule(index, revision));
    case 'endpoint':
      return put(makeWorkload(index, 'v1', revision));
    case 'service-add':
      return { put: makeService(index), removed: [], service: index };
    case 'service-remove':
      return { put: [], removed: makeService(index), service: index };
  }
}

const apiVersions: Readonly<Partial<Record<Kind, string>>> = {
  Namespace: 'v1',
  Service: 'v1',
  Gateway: 'gateway.networking.k8s.io/v1',
  HTTPRoute: 'gateway.networking.k8s.io/v1',
  AuthorizationPolicy: 'security.istio.io/v1',
};

function object<K extends Kind>(kind: K, metadata: ObjectMeta, spec: SpecByKind[K]): AnyMeshObject {
  const made: MeshObject<K> = { apiVersion: apiVersions[kind] ?? 'networking.istio.io/v1', kind, metadata, spec };
  return made as AnyMeshObject;
}

function meta(name: string, labels: Readonly<Record<string, string>> = {}): ObjectMeta {
  return { name, namespace: meshNamespace, labels, annotations: {} };
}
