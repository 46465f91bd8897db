// The Findings about one object before it is in force: on its own, and at the ports of the services
// that its rules or policies are for.

import { type Finding, formatRef, isKind, type MeshSnapshot, type ObjectRef } from '../../mesh/index.ts';
import { analysisOf, analyzeObject } from './objects.ts';
import { collectFindings } from './findings.ts';
import { makeFrontendPart } from '../parts.ts';
import { judgeBinding } from '../resolve/waypoint/binding.ts';
import type { ResolveContext } from '../resolve/context.ts';
import type { ResolvedService } from '../resolve/service/service.ts';

/**
 * Findings about one object of a configuration, sorted by field. Consequences for other objects are
 * not among them.
 */
export function analyzeCandidate(mesh: MeshSnapshot, ref: ObjectRef): readonly Finding[] {
  const found = collectFindings();
  const context: ResolveContext = { mesh, report: found.report };
  analyzeObject(context, ref);
  for (const service of findServices(mesh, ref)) {
    const gateway = judgeBinding(mesh, service.object).gateway;
    if (gateway === undefined) continue;
    for (const { number } of service.ports) makeFrontendPart(context, gateway, { host: service.host, port: number });
  }
  const key = formatRef(ref);
  return found.list().filter((finding) => formatRef(finding.ref) === key);
}

function findServices(mesh: MeshSnapshot, { kind, namespace, name }: ObjectRef): readonly ResolvedService[] {
  const object = isKind(kind) ? mesh.get(kind, namespace, name) : undefined;
  return object === undefined ? [] : (analysisOf(object.kind).services?.(mesh, object) ?? []);
}
