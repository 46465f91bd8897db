// What there is to say about each object on its own, whether or not a waypoint ever looks at it: the questions that configuration
// which silently does nothing would otherwise leave open.

import { type Kind, type MeshObject, type ObjectRef, refOf } from '../../mesh/index.ts';
import { reportEmptyAuthentication } from '../resolve/authentication/authentication.ts';
import { reportNeverAccepted } from '../resolve/authentication/never.ts';
import { reportAccessLog } from '../resolve/frontend/access-log.ts';
import { reportBackendTls } from '../resolve/backend/backend-tls.ts';
import { reportNeverMatching, reportPolicyAttachment } from '../resolve/authorization/authorization.ts';
import type { ResolveContext } from '../resolve/context.ts';
import { reportRefusedAddresses } from '../resolve/backend/discovery.ts';
import { reportUnsupportedFields } from '../resolve/fields/report.ts';
import { reportRouteAttachment } from '../resolve/gateway-route/analysis.ts';
import { reportWorkloadAddress } from '../resolve/endpoint/workload-address.ts';
import { reportWrittenValues } from '../resolve/fields/written-values.ts';
import { isWaypoint } from '../resolve/waypoint/gateway.ts';
import { analyzeGateway } from './gateway.ts';
import { analyzeService } from './service.ts';
import { analyzeVirtualService } from './virtual-service.ts';
import { analyzeDestinationRule } from './destination-rule.ts';

/** The kinds whose objects are reported on by themselves. */
export const analyzedKinds: readonly AnalyzedKind[] = [
  'AuthorizationPolicy',
  'BackendTLSPolicy',
  'DestinationRule',
  'Gateway',
  'GatewayClass',
  'GRPCRoute',
  'HTTPRoute',
  'MeshConfig',
  'RequestAuthentication',
  'Service',
  'ServiceEntry',
  'TCPRoute',
  'TLSRoute',
  'VirtualService',
  'WorkloadEntry',
];

type AnalyzedKind = Exclude<Kind, 'ConfigMap' | 'JwksDocument' | 'Namespace' | 'ReferenceGrant'>;

/** Reports on every object of a configuration. */
export function analyzeObjects(context: ResolveContext): void {
  for (const kind of analyzedKinds) for (const object of context.mesh.list(kind)) analyzeObject(context, refOf(object));
}

/** Whether objects of a kind are reported on by themselves. */
export function isAnalyzedKind(kind: string): kind is AnalyzedKind {
  return analyzedKinds.some((known) => known === kind);
}

/** Reports on one object, named by its reference; nothing when it is gone. */
export function analyzeObject(context: ResolveContext, { kind, namespace, name }: ObjectRef): void {
  if (!isAnalyzedKind(kind)) return;
  const object = context.mesh.get(kind, namespace, name);
  if (object === undefined) return;
  if (isOurs(context, object)) {
    reportUnsupportedFields(context, object);
    reportWrittenValues(context, object);
  }
  switch (kind) {
    case 'AuthorizationPolicy':
      reportNeverMatching(context, object as MeshObject<'AuthorizationPolicy'>);
      return reportPolicyAttachment(context, object as MeshObject<'AuthorizationPolicy'>);
    case 'MeshConfig':
      return analyzeMeshConfig(context, object as MeshObject<'MeshConfig'>);
    case 'RequestAuthentication':
      return analyzeAuthentication(context, object as MeshObject<'RequestAuthentication'>);
    case 'BackendTLSPolicy':
      return reportBackendTls(context, object as MeshObject<'BackendTLSPolicy'>);
    case 'DestinationRule':
      return analyzeDestinationRule(context, object as MeshObject<'DestinationRule'>);
    case 'Gateway':
      return analyzeGateway(context, object as MeshObject<'Gateway'>);
    case 'GRPCRoute':
    case 'HTTPRoute':
    case 'TCPRoute':
    case 'TLSRoute':
      return reportRouteAttachment(context, object as Parameters<typeof reportRouteAttachment>[1]);
    case 'Service':
    case 'ServiceEntry':
      return analyzeService(context, object as MeshObject<'Service'> | MeshObject<'ServiceEntry'>);
    case 'VirtualService':
      return analyzeVirtualService(context, object as MeshObject<'VirtualService'>);
    case 'WorkloadEntry':
      reportWorkloadAddress(context, object as MeshObject<'WorkloadEntry'>);
      return reportRefusedAddresses(context, object as MeshObject<'WorkloadEntry'>);
    case 'GatewayClass':
      return undefined;
  }
}

/** Gateways and classes of other controllers are theirs to read. */
function isOurs({ mesh }: ResolveContext, object: MeshObject): boolean {
  if (object.kind === 'Gateway') return isWaypoint(mesh, object as MeshObject<'Gateway'>);
  return (
    object.kind !== 'GatewayClass' ||
    (object as MeshObject<'GatewayClass'>).spec.controllerName === mesh.settings.waypointController
  );
}

function analyzeMeshConfig(context: ResolveContext, config: MeshObject<'MeshConfig'>): void {
  reportAccessLog(context, config);
}

function analyzeAuthentication(context: ResolveContext, object: MeshObject<'RequestAuthentication'>): void {
  reportPolicyAttachment(context, object);
  reportEmptyAuthentication(context, object);
  reportNeverAccepted(context, object);
}
