// The Findings about a Gateway on its own.

import type { ResolveContext } from '../resolve/context.ts';
import { gatewayProblem, isWaypoint, listenAddressOf } from '../resolve/waypoint/gateway.ts';
import { listenAddressAnnotation, type MeshObject, refOf } from '../../mesh/index.ts';
import type { KindAnalysis } from './analysis.ts';

export const gateway: KindAnalysis<'Gateway'> = {
  fields: {
    applied: [
      'gatewayClassName',
      'listeners[].port',
      'listeners[].protocol',
      'listeners[].allowedRoutes.namespaces.**',
    ],
    elsewhere: {
      'listeners[].name': 'a waypoint has one listener, whatever its name',
      'addresses[].**': 'for who runs the waypoint: on one machine, that is where it listens',
      'infrastructure.**': 'for the objects that a waypoint consists of in a cluster',
    },
  },
  report: analyzeGateway,
  // Gateways of other controllers are theirs to read.
  isOurs: isWaypoint,
};

function analyzeGateway(context: ResolveContext, gateway: MeshObject<'Gateway'>): void {
  if (!isWaypoint(context.mesh, gateway)) return;
  const ref = refOf(gateway);
  const asked = gateway.metadata.annotations[listenAddressAnnotation];
  if (asked !== undefined && listenAddressOf(gateway) === undefined) {
    context.report({
      code: 'InvalidValue',
      severity: 'error',
      ref,
      path: ['metadata', 'annotations', listenAddressAnnotation],
      message: `"${asked}" is no IP address, so the waypoint listens at every address`,
      hint: 'write one address, such as 127.0.0.9',
    });
  }
  const problem = gatewayProblem(gateway);
  if (problem === undefined) return;
  context.report({
    code: 'GatewayInvalid',
    severity: 'error',
    ref,
    path: ['spec', 'listeners'],
    message: problem,
    hint: 'write one listener: {name: mesh, port: 15008, protocol: HBONE}',
  });
}
