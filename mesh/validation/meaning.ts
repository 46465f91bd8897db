// What one object must hold beyond the types of its fields, kind by kind: the rules that the API server or Istio's webhook would apply.

import type { AnyMeshObject } from '../object.ts';
import type { Problem } from '../reading/problem.ts';
import { checkAuthorizationPolicy } from '../kinds/authorization-policy/checks.ts';
import { checkBackendTlsPolicy } from '../kinds/backend-tls-policy/checks.ts';
import { checkDestinationRule } from '../kinds/destination-rule/checks.ts';
import { checkGrpcRouteObject, checkHttpRouteObject } from '../kinds/gateway-route/checks.ts';
import { checkMeshConfig } from '../kinds/mesh-config/checks.ts';
import { checkRequestAuthentication } from '../kinds/request-authentication/checks.ts';
import { checkTcpRouteObject } from './route-references.ts';
import { checkService } from '../kinds/service/checks.ts';
import { checkServiceEntry, checkWorkloadEntry } from '../kinds/service-entry/checks.ts';
import { checkVirtualService } from '../kinds/virtual-service/checks.ts';

/** The problems of an object whose structure is right. Gateways are judged where they are used. */
export function checkMeaning(object: AnyMeshObject): readonly Problem[] {
  switch (object.kind) {
    case 'AuthorizationPolicy':
      return checkAuthorizationPolicy(object.spec);
    case 'BackendTLSPolicy':
      return checkBackendTlsPolicy(object.spec);
    case 'DestinationRule':
      return checkDestinationRule(object.spec);
    case 'GRPCRoute':
      return checkGrpcRouteObject(object.spec);
    case 'HTTPRoute':
      return checkHttpRouteObject(object.spec);
    case 'MeshConfig':
      return checkMeshConfig(object.spec);
    case 'TCPRoute':
    case 'TLSRoute':
      return checkTcpRouteObject(object.spec);
    case 'RequestAuthentication':
      return checkRequestAuthentication(object.spec);
    case 'Service':
      return checkService(object);
    case 'ServiceEntry':
      return checkServiceEntry(object.spec);
    case 'VirtualService':
      return checkVirtualService(object.spec);
    case 'WorkloadEntry':
      return checkWorkloadEntry(object.spec, ['spec']);
    default:
      return [];
  }
}
