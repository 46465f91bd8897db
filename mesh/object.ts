// The shape shared by every object that Cairn reads: a Kubernetes object as plain data, whatever source it came from.

import type { AuthorizationPolicySpec } from './kinds/authorization-policy/spec.ts';
import type { BackendTlsPolicySpec, ConfigMapSpec } from './kinds/backend-tls-policy/spec.ts';
import type { DestinationRuleSpec } from './kinds/destination-rule/spec.ts';
import type { EndpointSliceSpec, NodeSpec, PodSpec } from './kinds/endpoint-slice/spec.ts';
import type { GatewayClassSpec, GatewaySpec } from './kinds/gateway/spec.ts';
import type { GrpcRouteSpec, HttpRouteSpec, ReferenceGrantSpec, TcpRouteSpec } from './kinds/gateway-route/spec.ts';
import type { ServiceEntrySpec, WorkloadEntrySpec } from './kinds/service-entry/spec.ts';
import type { MeshConfigSpec } from './kinds/mesh-config/spec.ts';
import type { JwksDocumentSpec, RequestAuthenticationSpec } from './kinds/request-authentication/spec.ts';
import type { NamespaceSpec, ServiceSpec } from './kinds/service/spec.ts';
import type { VirtualServiceSpec } from './kinds/virtual-service/spec.ts';

/** The specification type of every kind that is read, by the name of the kind. */
export interface SpecByKind {
  AuthorizationPolicy: AuthorizationPolicySpec;
  BackendTLSPolicy: BackendTlsPolicySpec;
  ConfigMap: ConfigMapSpec;
  DestinationRule: DestinationRuleSpec;
  EndpointSlice: EndpointSliceSpec;
  Gateway: GatewaySpec;
  GatewayClass: GatewayClassSpec;
  GRPCRoute: GrpcRouteSpec;
  HTTPRoute: HttpRouteSpec;
  JwksDocument: JwksDocumentSpec;
  MeshConfig: MeshConfigSpec;
  Namespace: NamespaceSpec;
  Node: NodeSpec;
  Pod: PodSpec;
  ReferenceGrant: ReferenceGrantSpec;
  RequestAuthentication: RequestAuthenticationSpec;
  Service: ServiceSpec;
  ServiceEntry: ServiceEntrySpec;
  TCPRoute: TcpRouteSpec;
  TLSRoute: TcpRouteSpec;
  VirtualService: VirtualServiceSpec;
  WorkloadEntry: WorkloadEntrySpec;
}

/** A kind that Cairn reads. */
export type Kind = keyof SpecByKind;

/** The part of Kubernetes' ObjectMeta that is read. `namespace` is '' for cluster-scoped kinds. */
export interface ObjectMeta {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** RFC 3339; absent for objects read from files. */
  readonly creationTimestamp?: string;
  readonly generation?: number;
}

/** One object, normalized: current field names, namespace filled in, labels and annotations never absent. */
export interface MeshObject<K extends Kind = Kind> {
  readonly apiVersion: string;
  readonly kind: K;
  readonly metadata: ObjectMeta;
  readonly spec: SpecByKind[K];
}

/** Any object of any kind, as a union that narrows on `kind`. */
export type AnyMeshObject = { [K in Kind]: MeshObject<K> }[Kind];

/** Names one object; `namespace` is '' for cluster-scoped kinds. */
export interface ObjectRef {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** The reference of an object. */
export function refOf(object: MeshObject): ObjectRef {
  return { kind: object.kind, namespace: object.metadata.namespace, name: object.metadata.name };
}

/** `Kind namespace/name`, or `Kind name` for cluster-scoped objects: the form used in messages and as a key. */
export function formatRef(ref: ObjectRef): string {
  return ref.namespace === '' ? `${ref.kind} ${ref.name}` : `${ref.kind} ${ref.namespace}/${ref.name}`;
}
