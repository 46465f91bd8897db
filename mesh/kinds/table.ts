// Every kind that is read, by its name. A new kind is one folder beside this file and its lines
// here. The tables of the generator and of statuses do not compile until they have it too.

import type { KindAccess, KindDefinition } from './definition.ts';
import { authorizationPolicy } from './authorization-policy/definition.ts';
import { backendTlsPolicy } from './backend-tls-policy/definition.ts';
import { configMap } from './config-map/definition.ts';
import { destinationRule } from './destination-rule/definition.ts';
import { endpointSlice } from './endpoint-slice/definition.ts';
import { gateway } from './gateway/definition.ts';
import { gatewayClass } from './gateway-class/definition.ts';
import { grpcRoute } from './grpc-route/definition.ts';
import { httpRoute } from './http-route/definition.ts';
import { jwksDocument } from './jwks-document/definition.ts';
import { meshConfig } from './mesh-config/definition.ts';
import { namespace } from './namespace/definition.ts';
import { node } from './node/definition.ts';
import { pod } from './pod/definition.ts';
import { referenceGrant } from './reference-grant/definition.ts';
import { requestAuthentication } from './request-authentication/definition.ts';
import { service } from './service/definition.ts';
import { serviceEntry } from './service-entry/definition.ts';
import { tcpRoute } from './tcp-route/definition.ts';
import { tlsRoute } from './tls-route/definition.ts';
import { virtualService } from './virtual-service/definition.ts';
import { workloadEntry } from './workload-entry/definition.ts';
import { xBackendTrafficPolicy } from './x-backend-traffic-policy/definition.ts';

export type * from './authorization-policy/spec.ts';
export type * from './backend-tls-policy/spec.ts';
export type * from './config-map/spec.ts';
export type * from './destination-rule/spec.ts';
export type * from './endpoint-slice/spec.ts';
export type * from './gateway/spec.ts';
export type * from './gateway-class/spec.ts';
export type * from './gateway-route/spec.ts';
export type * from './jwks-document/spec.ts';
export type * from './mesh-config/spec.ts';
export type * from './namespace/spec.ts';
export type * from './node/spec.ts';
export type * from './pod/spec.ts';
export type * from './reference-grant/spec.ts';
export type * from './request-authentication/spec.ts';
export type * from './service/spec.ts';
export type * from './service-entry/spec.ts';
export type * from './virtual-service/spec.ts';
export type * from './x-backend-traffic-policy/spec.ts';
export type * from './workload-entry/spec.ts';

/** The definitions. */
export interface KindTable {
  readonly AuthorizationPolicy: typeof authorizationPolicy;
  readonly BackendTLSPolicy: typeof backendTlsPolicy;
  readonly ConfigMap: typeof configMap;
  readonly DestinationRule: typeof destinationRule;
  readonly EndpointSlice: typeof endpointSlice;
  readonly Gateway: typeof gateway;
  readonly GatewayClass: typeof gatewayClass;
  readonly GRPCRoute: typeof grpcRoute;
  readonly HTTPRoute: typeof httpRoute;
  readonly JwksDocument: typeof jwksDocument;
  readonly MeshConfig: typeof meshConfig;
  readonly Namespace: typeof namespace;
  readonly Node: typeof node;
  readonly Pod: typeof pod;
  readonly ReferenceGrant: typeof referenceGrant;
  readonly RequestAuthentication: typeof requestAuthentication;
  readonly Service: typeof service;
  readonly ServiceEntry: typeof serviceEntry;
  readonly TCPRoute: typeof tcpRoute;
  readonly TLSRoute: typeof tlsRoute;
  readonly VirtualService: typeof virtualService;
  readonly WorkloadEntry: typeof workloadEntry;
  readonly XBackendTrafficPolicy: typeof xBackendTrafficPolicy;
}

/** A kind that Cairn reads. */
export type Kind = keyof KindTable;

/** The definition of any kind. */
export type AnyKindDefinition = KindDefinition<unknown, string, KindAccess>;

export const kinds: KindTable = {
  AuthorizationPolicy: authorizationPolicy,
  BackendTLSPolicy: backendTlsPolicy,
  ConfigMap: configMap,
  DestinationRule: destinationRule,
  EndpointSlice: endpointSlice,
  Gateway: gateway,
  GatewayClass: gatewayClass,
  GRPCRoute: grpcRoute,
  HTTPRoute: httpRoute,
  JwksDocument: jwksDocument,
  MeshConfig: meshConfig,
  Namespace: namespace,
  Node: node,
  Pod: pod,
  ReferenceGrant: referenceGrant,
  RequestAuthentication: requestAuthentication,
  Service: service,
  ServiceEntry: serviceEntry,
  TCPRoute: tcpRoute,
  TLSRoute: tlsRoute,
  VirtualService: virtualService,
  WorkloadEntry: workloadEntry,
  XBackendTrafficPolicy: xBackendTrafficPolicy,
};

/** The names of the kinds that are read. */
export const kindNames: readonly Kind[] = Object.keys(kinds) as Kind[];

/** True for the name of a kind that is read, whatever its group. */
export function isKind(name: string): name is Kind {
  return Object.hasOwn(kinds, name);
}

/** The definition of a kind. */
export function definitionOf(kind: Kind): AnyKindDefinition {
  return kinds[kind];
}

/** The specification type of every kind, by its name. */
export type SpecByKind = {
  [K in Kind]: KindTable[K] extends KindDefinition<infer Spec, infer _Index, infer _Access> ? Spec : never;
};

type IndexOf<K extends Kind> = keyof KindTable[K]['indexes'] & string;

/** The existing indexes, `Kind/index`, and the kind of each. */
export type IndexKinds = { [K in Kind as `${K}/${IndexOf<K>}`]: K };

export type IndexName = keyof IndexKinds;

/** The kinds whose status the control plane writes. */
export type StatusKindName = {
  [K in Kind]: KindTable[K]['access'] extends 'status' ? K : never;
}[Kind];

/** The kinds that an API server can have. */
export type ApiKindName = {
  [K in Kind]: KindTable[K]['access'] extends 'none' ? never : K;
}[Kind];
