// What one object must hold beyond the types of its fields, kind by kind: the rules that the API server or Istio's webhook would apply.

import type { AnyMeshObject } from '../object.ts';
import type { Problem } from '../reading/problem.ts';
import { checkAuthorizationPolicy } from './authorization-policy.ts';
import { checkBackendTlsPolicy } from './backend-tls-policy.ts';
import { checkDestinationRule } from './destination-rule.ts';
import { checkGrpcRouteObject, checkHttpRouteObject } from './gateway-route.ts';
import { checkMeshConfig } from './mesh-config.ts';
import { checkRequestAuthentication } from './request-authentication.ts';
import { checkTcpRouteObject } from './route-references.ts';
import { checkService } from './service.ts';
import { checkServiceEntry, checkWorkloadEntry } from './service-entry.ts';
import { checkVirtualService } from './virtual-service.ts';

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
