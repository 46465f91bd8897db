// The common context of the resolvers of one VirtualService's routes: the frontend, and the places
// of fields.

import { type FieldPath, type FindingCode, type MeshObject, refOf, type Severity } from '../../../mesh/index.ts';
import type { WaypointGateway } from '../../model/waypoint.ts';
import type { ResolveContext } from '../context.ts';
import type { ResolvedPort, ResolvedService } from '../service/service.ts';

/** One VirtualService seen from one service port of one waypoint. */
export interface VirtualServiceContext extends ResolveContext {
  readonly gateway: WaypointGateway;
  readonly service: ResolvedService;
  readonly port: ResolvedPort;
  readonly owner: MeshObject<'VirtualService'>;
}

/** Reports a problem of a field of the VirtualService. */
export function reportField(
  context: VirtualServiceContext,
  code: FindingCode,
  path: FieldPath,
  message: string,
  hint?: string,
  severity: Severity = 'error',
): void {
  context.report({ code, severity, ref: refOf(context.owner), path, message, ...(hint === undefined ? {} : { hint }) });
}
