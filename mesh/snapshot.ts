// The question side of the configuration: what `generator` may ask. Every answer is an index query, so that what a result was
// computed from can be recorded as a set of query keys, misses included.

import type { Kind, MeshObject } from './object.ts';
import type { MeshSettings } from './settings.ts';

/** The indexes that exist: for each, the kind it holds and what its key is. */
export interface IndexKinds {
  /** Every object of a namespace; key: the namespace. */
  'Service/namespace': 'Service';
  'ServiceEntry/namespace': 'ServiceEntry';
  /** Key: `<namespace>/<label>=<value>`, for each label of the specification over those of the metadata. */
  'WorkloadEntry/label': 'WorkloadEntry';
  'WorkloadEntry/namespace': 'WorkloadEntry';
  /** Key: `<namespace>/<service account>`. */
  'WorkloadEntry/account': 'WorkloadEntry';
  /** Key: `<namespace>/<name>` of the Service, by the label that says so. */
  'EndpointSlice/service': 'EndpointSlice';
  /** Key: `<namespace>/<label>=<value>`. */
  'Pod/label': 'Pod';
  'Pod/namespace': 'Pod';
  /** Key: `<namespace>/<service account>`. */
  'Pod/account': 'Pod';
  'Pod/waypoint': 'Pod';
  /** Services and namespaces by the waypoint that their own labels name; key: `<gateway namespace>/<gateway name>`. */
  'Service/waypoint': 'Service';
  'ServiceEntry/waypoint': 'ServiceEntry';
  'WorkloadEntry/waypoint': 'WorkloadEntry';
  'Namespace/waypoint': 'Namespace';
  /** Key: a host name of `spec.hosts`, fully qualified. */
  'ServiceEntry/host': 'ServiceEntry';
  /** Key: an address as `formatAddress` writes it; ranges are no keys. */
  'Service/address': 'Service';
  'ServiceEntry/address': 'ServiceEntry';
  'WorkloadEntry/address': 'WorkloadEntry';
  'Gateway/address': 'Gateway';
  /** ServiceEntries with a range of addresses; key: ''. */
  'ServiceEntry/range': 'ServiceEntry';
  /** Key: a host of `spec.hosts`, fully qualified by the object's namespace; wildcards under their own text. */
  'VirtualService/host': 'VirtualService';
  /** VirtualServices with a wildcard host; key: ''. */
  'VirtualService/wildcard': 'VirtualService';
  /** VirtualServices whose `tcp` or `tls` rules have matches; key: a host of `spec.hosts`, fully qualified; `*` for any wildcard. */
  'VirtualService/conditional-tcp': 'VirtualService';
  /** VirtualServices that delegate to another one; key: `<namespace>/<name>` of that one. */
  'VirtualService/delegate': 'VirtualService';
  /** Key: `spec.host`, fully qualified by the object's namespace; wildcards under their own text. */
  'DestinationRule/host': 'DestinationRule';
  'DestinationRule/wildcard': 'DestinationRule';
  /** Key: `<kind>/<namespace>/<name>` of a target reference (namespace '' for GatewayClass). */
  'AuthorizationPolicy/target': 'AuthorizationPolicy';
  'AuthorizationPolicy/namespace': 'AuthorizationPolicy';
  /** As of the other targets. */
  'BackendTLSPolicy/target': 'BackendTLSPolicy';
  'RequestAuthentication/target': 'RequestAuthentication';
  /** Key: `spec.uri`. */
  'JwksDocument/uri': 'JwksDocument';
  /** Key: a `status`-independent class name. */
  'Gateway/class': 'Gateway';
  /** Routes by their parents that are services; key: `<kind>/<namespace>/<name>`, of a Service or ServiceEntry. */
  'GRPCRoute/parent': 'GRPCRoute';
  'HTTPRoute/parent': 'HTTPRoute';
  'TCPRoute/parent': 'TCPRoute';
  'TLSRoute/parent': 'TLSRoute';
  'ReferenceGrant/namespace': 'ReferenceGrant';
}

export type IndexName = keyof IndexKinds;

/**
 * The configuration at one instant. Results are sorted: oldest first where creation times are known, then by namespace and name;
 * the same objects give the same answers whatever the order they arrived in.
 */
export interface MeshSnapshot {
  readonly settings: MeshSettings;
  get<K extends Kind>(kind: K, namespace: string, name: string): MeshObject<K> | undefined;
  list<K extends Kind>(kind: K): readonly MeshObject<K>[];
  find<I extends IndexName>(index: I, key: string): readonly MeshObject<IndexKinds[I]>[];
}

/** Names a query: `get:Kind/namespace/name`, `list:Kind` or `find:index:key`. */
export type QueryKey = string;
