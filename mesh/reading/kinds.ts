// Which kinds and versions are read, and what to say of the others: what people keep beside the mesh's objects is no mistake.

import { cairnGroup, gatewayGroup, meshConfigGroup, networkingGroup, securityGroup } from '../labels.ts';
import type { Kind } from '../object.ts';

/** How a kind is written in `apiVersion` and whether it lives in a namespace. */
export interface KindDefinition {
  /** '' for the core group. */
  readonly group: string;
  /** Newest first. */
  readonly versions: readonly string[];
  /** Versions that a cluster no longer serves. */
  readonly historicalVersions: readonly string[];
  readonly isNamespaced: boolean;
}

const networking: KindDefinition = {
  group: networkingGroup,
  versions: ['v1', 'v1beta1', 'v1alpha3'],
  historicalVersions: [],
  isNamespaced: true,
};
const security: KindDefinition = { ...networking, group: securityGroup, versions: ['v1', 'v1beta1'] };
const core: KindDefinition = { group: '', versions: ['v1'], historicalVersions: [], isNamespaced: true };
const gateway: KindDefinition = {
  group: gatewayGroup,
  versions: ['v1', 'v1beta1'],
  historicalVersions: ['v1alpha2'],
  isNamespaced: true,
};

/** Every kind that is read. */
export const kindDefinitions: Readonly<Record<Kind, KindDefinition>> = {
  AuthorizationPolicy: security,
  BackendTLSPolicy: { ...gateway, versions: ['v1', 'v1alpha3'], historicalVersions: [] },
  ConfigMap: core,
  DestinationRule: networking,
  EndpointSlice: { ...core, group: 'discovery.k8s.io' },
  Gateway: gateway,
  GatewayClass: { ...gateway, isNamespaced: false },
  GRPCRoute: { ...gateway, versions: ['v1'] },
  HTTPRoute: gateway,
  JwksDocument: { group: cairnGroup, versions: ['v1alpha1'], historicalVersions: [], isNamespaced: false },
  MeshConfig: { group: meshConfigGroup, versions: ['v1alpha1'], historicalVersions: [], isNamespaced: false },
  Namespace: { ...core, isNamespaced: false },
  Node: { ...core, isNamespaced: false },
  Pod: core,
  ReferenceGrant: gateway,
  RequestAuthentication: security,
  Service: core,
  ServiceEntry: networking,
  TCPRoute: { ...gateway, versions: ['v1', 'v1alpha2'], historicalVersions: [] },
  TLSRoute: { ...gateway, versions: ['v1', 'v1alpha3', 'v1alpha2'], historicalVersions: [] },
  VirtualService: networking,
  WorkloadEntry: networking,
};

/** The names of the kinds that are read. */
export const kindNames = Object.keys(kindDefinitions) as readonly Kind[];

/** True for the name of a kind that is read, whatever its group. */
export function isKind(name: string): name is Kind {
  return Object.hasOwn(kindDefinitions, name);
}

/** `gateway.networking.k8s.io/v1`, or `v1` in the core group. */
export function formatApiVersion(group: string, version: string): string {
  return group === '' ? version : `${group}/${version}`;
}

/** Objects of the mesh that have no effect here yet: worth a warning. */
const meshKinds: ReadonlySet<string> = new Set([
  'UDPRoute',
  'ListenerSet',
  'Sidecar',
  'EnvoyFilter',
  'WorkloadGroup',
  'ProxyConfig',
  'PeerAuthentication',
  'Telemetry',
  'WasmPlugin',
  'TrafficExtension',
]);

/** Groups of the mesh's own APIs. */
const meshGroups = /(?:^|\.)(?:istio\.io|gateway\.networking\.k8s\.io|gateway\.networking\.x-k8s\.io)$/;

/** True for a kind of the mesh's APIs, whether it is read or not. */
export function isMeshKind(group: string, kind: string): boolean {
  return isMeshGroup(group) || meshKinds.has(kind);
}

/** True for a group of the mesh's APIs. */
export function isMeshGroup(group: string): boolean {
  return meshGroups.test(group);
}

/** Groups of Kubernetes itself; its other kinds (Deployment, ConfigMap …) stand beside the mesh's objects and are passed over. */
export function isKubernetesGroup(group: string): boolean {
  return group === '' || !group.includes('.') || group.endsWith('.k8s.io');
}
