// The indexes of the configuration, as one table: for each, the kind it holds and the keys of an object. The store keeps them; a
// change touches exactly the keys of the object before and after it.

import { serviceAccountOf } from './account.ts';
import { formatAddress } from './address.ts';
import { isWildcardHost, resolveHost } from './host.ts';
import type { RouteParentRef } from './kinds/gateway-route/spec.ts';
import {
  gatewayGroup,
  isCoreGroup,
  networkingGroup,
  noWaypoint,
  serviceNameLabel,
  useWaypointLabel,
  useWaypointNamespaceLabel,
} from './labels.ts';
import type { AnyMeshObject, Kind, MeshObject, ObjectMeta } from './object.ts';
import type { MeshSettings } from './settings.ts';
import type { IndexKinds, IndexName } from './snapshot.ts';

interface IndexDefinition<K extends Kind> {
  readonly kind: K;
  readonly keys: (object: MeshObject<K>, settings: MeshSettings) => readonly string[];
}

const definitions: { readonly [I in IndexName]: IndexDefinition<IndexKinds[I]> } = {
  'Service/namespace': { kind: 'Service', keys: namespaceKeys },
  'ServiceEntry/namespace': { kind: 'ServiceEntry', keys: namespaceKeys },
  'WorkloadEntry/namespace': { kind: 'WorkloadEntry', keys: namespaceKeys },
  'WorkloadEntry/waypoint': {
    kind: 'WorkloadEntry',
    keys: ({ metadata }) => waypointKeys(metadata, metadata.namespace),
  },
  'WorkloadEntry/account': {
    kind: 'WorkloadEntry',
    keys: ({ metadata, spec }) => [formatAccountKey(metadata.namespace, spec.serviceAccount)],
  },
  'WorkloadEntry/label': { kind: 'WorkloadEntry', keys: labelKeys },
  'EndpointSlice/service': { kind: 'EndpointSlice', keys: sliceKeys },
  'Pod/label': { kind: 'Pod', keys: podLabelKeys },
  'Pod/account': {
    kind: 'Pod',
    keys: ({ metadata, spec }) => [formatAccountKey(metadata.namespace, spec.serviceAccountName)],
  },
  'Pod/namespace': { kind: 'Pod', keys: namespaceKeys },
  'Pod/waypoint': { kind: 'Pod', keys: ({ metadata }) => waypointKeys(metadata, metadata.namespace) },
  'Service/waypoint': { kind: 'Service', keys: ({ metadata }) => waypointKeys(metadata, metadata.namespace) },
  'ServiceEntry/waypoint': { kind: 'ServiceEntry', keys: ({ metadata }) => waypointKeys(metadata, metadata.namespace) },
  'Namespace/waypoint': { kind: 'Namespace', keys: ({ metadata }) => waypointKeys(metadata, metadata.name) },
  'ServiceEntry/host': { kind: 'ServiceEntry', keys: ({ spec }) => spec.hosts.map((host) => host.toLowerCase()) },
  'Service/address': { kind: 'Service', keys: serviceAddresses },
  'ServiceEntry/address': { kind: 'ServiceEntry', keys: (entry) => entryAddresses(entry).filter((it) => !isRange(it)) },
  'WorkloadEntry/address': {
    kind: 'WorkloadEntry',
    keys: ({ spec }) => (spec.address === undefined ? [] : [formatAddress(spec.address)]),
  },
  'Gateway/address': {
    kind: 'Gateway',
    keys: ({ spec }) => (spec.addresses ?? []).map(({ value = '' }) => formatAddress(value)),
  },
  'ServiceEntry/range': { kind: 'ServiceEntry', keys: (entry) => (entryAddresses(entry).some(isRange) ? [''] : []) },
  'VirtualService/host': {
    kind: 'VirtualService',
    keys: (object, settings) => hostKeys(object, object.spec.hosts, settings),
  },
  'VirtualService/wildcard': { kind: 'VirtualService', keys: ({ spec }) => wildcardKeys(spec.hosts) },
  'VirtualService/conditional-tcp': { kind: 'VirtualService', keys: conditionalTcpKeys },
  'VirtualService/delegate': { kind: 'VirtualService', keys: delegateKeys },
  'DestinationRule/host': {
    kind: 'DestinationRule',
    keys: (object, settings) => hostKeys(object, [object.spec.host], settings),
  },
  'DestinationRule/wildcard': { kind: 'DestinationRule', keys: ({ spec }) => wildcardKeys([spec.host]) },
  'AuthorizationPolicy/target': { kind: 'AuthorizationPolicy', keys: targetKeys },
  'AuthorizationPolicy/namespace': { kind: 'AuthorizationPolicy', keys: namespaceKeys },
  'BackendTLSPolicy/target': { kind: 'BackendTLSPolicy', keys: targetKeys },
  'RequestAuthentication/target': { kind: 'RequestAuthentication', keys: targetKeys },
  'JwksDocument/uri': { kind: 'JwksDocument', keys: ({ spec }) => [spec.uri] },
  'Gateway/class': { kind: 'Gateway', keys: ({ spec }) => [spec.gatewayClassName] },
  'GRPCRoute/parent': { kind: 'GRPCRoute', keys: parentKeys },
  'HTTPRoute/parent': { kind: 'HTTPRoute', keys: parentKeys },
  'TCPRoute/parent': { kind: 'TCPRoute', keys: parentKeys },
  'TLSRoute/parent': { kind: 'TLSRoute', keys: parentKeys },
  'ReferenceGrant/namespace': { kind: 'ReferenceGrant', keys: namespaceKeys },
};

type AnyDefinition = IndexDefinition<Kind> & { readonly index: IndexName };

const definitionsByKind = new Map<Kind, AnyDefinition[]>();
for (const [index, definition] of Object.entries(definitions)) {
  const list = definitionsByKind.get(definition.kind) ?? [];
  list.push({ index, ...definition } as AnyDefinition);
  definitionsByKind.set(definition.kind, list);
}

/** One place in one index. */
export interface IndexKey {
  readonly index: IndexName;
  readonly key: string;
}

/** Every index key under which an object is found, each once. */
export function indexKeys(object: AnyMeshObject, settings: MeshSettings): readonly IndexKey[] {
  return (definitionsByKind.get(object.kind) ?? []).flatMap(({ index, keys }) =>
    [...new Set(keys(object, settings))].map((key) => ({ index, key })),
  );
}

function namespaceKeys({ metadata }: MeshObject): readonly string[] {
  return [metadata.namespace];
}

function serviceAddresses({ spec }: MeshObject<'Service'>): readonly string[] {
  return [...(spec.clusterIPs ?? []), spec.clusterIP ?? '']
    .filter((address) => address !== '' && address !== 'None')
    .map(formatAddress);
}

function entryAddresses({ spec }: MeshObject<'ServiceEntry'>): readonly string[] {
  return [...(spec.addresses ?? []), ...Object.values(spec.hostAddresses ?? {}).flat()].map(formatAddress);
}

function isRange(address: string): boolean {
  return address.includes('/');
}

function labelKeys({ metadata, spec }: MeshObject<'WorkloadEntry'>): readonly string[] {
  return Object.entries({ ...metadata.labels, ...spec.labels }).map(([label, value]) =>
    formatLabelKey(metadata.namespace, label, value),
  );
}

function podLabelKeys({ metadata }: MeshObject<'Pod'>): readonly string[] {
  return Object.entries(metadata.labels).map(([label, value]) => formatLabelKey(metadata.namespace, label, value));
}

function sliceKeys({ metadata }: MeshObject<'EndpointSlice'>): readonly string[] {
  const service = metadata.labels[serviceNameLabel];
  return service === undefined ? [] : [`${metadata.namespace}/${service}`];
}

/** The key of `WorkloadEntry/label` and `Pod/label`. */
export function formatLabelKey(namespace: string, label: string, value: string): string {
  return `${namespace}/${label}=${value}`;
}

/** The key of `WorkloadEntry/account` and `Pod/account`. */
export function formatAccountKey(namespace: string, account: string | undefined): string {
  return `${namespace}/${serviceAccountOf(account)}`;
}

function waypointKeys({ labels }: ObjectMeta, ownNamespace: string): readonly string[] {
  const name = labels[useWaypointLabel];
  if (name === undefined || name === '' || name === noWaypoint) return [];
  return [`${labels[useWaypointNamespaceLabel] ?? ownNamespace}/${name}`];
}

function hostKeys(
  { metadata }: MeshObject,
  hosts: readonly string[] | undefined,
  settings: MeshSettings,
): readonly string[] {
  return (hosts ?? []).map((host) => resolveHost(host, metadata.namespace, settings.clusterDomain));
}

function conditionalTcpKeys(object: MeshObject<'VirtualService'>, settings: MeshSettings): readonly string[] {
  const { hosts, tcp = [], tls = [] } = object.spec;
  if (![...tcp, ...tls].some(({ match = [] }) => match.length > 0)) return [];
  return hostKeys(object, hosts, settings).map((host) => (isWildcardHost(host) ? '*' : host));
}

function delegateKeys({ metadata, spec }: MeshObject<'VirtualService'>): readonly string[] {
  return (spec.http ?? []).flatMap(({ delegate }) =>
    delegate?.name === undefined ? [] : [`${delegate.namespace ?? metadata.namespace}/${delegate.name}`],
  );
}

function wildcardKeys(hosts: readonly string[] | undefined): readonly string[] {
  return (hosts ?? []).some(isWildcardHost) ? [''] : [];
}

/** The key of `HTTPRoute/parent` and its like for a parent of a route in `namespace`; undefined for parents that are no service. */
export function formatParentKey(parent: RouteParentRef, namespace: string): string | undefined {
  const { group = gatewayGroup, kind = 'Gateway', name } = parent;
  const isService =
    (isCoreGroup(group) && kind === 'Service') || (group === networkingGroup && kind === 'ServiceEntry');
  return isService ? `${kind}/${parent.namespace ?? namespace}/${name}` : undefined;
}

function parentKeys({
  metadata,
  spec,
}: MeshObject<'GRPCRoute' | 'HTTPRoute' | 'TCPRoute' | 'TLSRoute'>): readonly string[] {
  return (spec.parentRefs ?? []).flatMap((parent) => formatParentKey(parent, metadata.namespace) ?? []);
}

interface TargetName {
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
}

function targetKeys({
  metadata,
  spec,
}:
  | MeshObject<'AuthorizationPolicy'>
  | MeshObject<'RequestAuthentication'>
  | MeshObject<'BackendTLSPolicy'>): readonly string[] {
  const targets: readonly TargetName[] = spec.targetRefs ?? [];
  return targets.map(({ kind, namespace, name }) =>
    kind === 'GatewayClass' ? `${kind}//${name}` : `${kind}/${namespace ?? metadata.namespace}/${name}`,
  );
}
