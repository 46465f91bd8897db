// The Findings about each object on its own, whether or not a waypoint ever looks at it: they
// explain configuration that would otherwise silently do nothing.

import { isKind, type Kind, kindNames, type MeshObject, type ObjectRef, refOf } from '../../mesh/index.ts';
import type { ResolveContext } from '../resolve/context.ts';
import type { KindAnalysis } from './analysis.ts';
import { reportUnsupportedFields } from './fields/report.ts';
import { reportWrittenValues } from './fields/written-values.ts';
import { authorizationPolicy } from './authorization-policy.ts';
import { backendTLSPolicy } from './backend-tls-policy.ts';
import { configMap } from './config-map.ts';
import { destinationRule } from './destination-rule.ts';
import { endpointSlice } from './endpoint-slice.ts';
import { gateway } from './gateway.ts';
import { gatewayClass } from './gateway-class.ts';
import { grpcRoute } from './grpc-route.ts';
import { httpRoute } from './http-route.ts';
import { jwksDocument } from './jwks-document.ts';
import { meshConfig } from './mesh-config.ts';
import { namespace } from './namespace.ts';
import { node } from './node.ts';
import { pod } from './pod.ts';
import { referenceGrant } from './reference-grant.ts';
import { requestAuthentication } from './request-authentication.ts';
import { service } from './service.ts';
import { serviceEntry } from './service-entry.ts';
import { tcpRoute } from './tcp-route.ts';
import { tlsRoute } from './tls-route.ts';
import { virtualService } from './virtual-service.ts';
import { workloadEntry } from './workload-entry.ts';
import { xBackendTrafficPolicy } from './x-backend-traffic-policy.ts';

/** The analysis of every kind. */
const analyses: { readonly [K in Kind]: KindAnalysis<K> } = {
  AuthorizationPolicy: authorizationPolicy,
  BackendTLSPolicy: backendTLSPolicy,
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

/** The analysis of a kind. */
export function analysisOf(kind: Kind): KindAnalysis<Kind> {
  return analyses[kind];
}

/** Reports on every object of a configuration. */
export function analyzeObjects(context: ResolveContext): void {
  for (const kind of kindNames.filter(isAnalyzedKind)) {
    for (const object of context.mesh.list(kind)) analyzeObject(context, refOf(object));
  }
}

/** Whether objects of a kind are reported on by themselves. */
export function isAnalyzedKind(kind: string): kind is Kind {
  return isKind(kind) && analysisOf(kind).report !== undefined;
}

/** Reports on one object, named by its reference; nothing when it is gone. */
export function analyzeObject(context: ResolveContext, { kind, namespace, name }: ObjectRef): void {
  if (!isAnalyzedKind(kind)) return;
  const object: MeshObject | undefined = context.mesh.get(kind, namespace, name);
  if (object === undefined) return;
  const analysis = analysisOf(kind);
  if (analysis.isOurs?.(context.mesh, object) !== false) {
    reportUnsupportedFields(context, object, analysis.fields);
    reportWrittenValues(context, object);
  }
  analysis.report?.(context, object);
}
