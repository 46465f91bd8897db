// What there is to say about one object before it is in force: on its own, and at the ports of services whose rules or policies it is.

import {
  type Finding,
  formatRef,
  type MeshObject,
  type MeshSnapshot,
  type ObjectRef,
  type PolicyTargetReference,
  resolveHost,
} from '../../mesh/index.ts';
import { analyzeObject } from './objects.ts';
import { collectFindings } from './findings.ts';
import { makeFrontendPart } from '../parts.ts';
import { resolveBinding } from '../resolve/waypoint/binding.ts';
import type { ResolveContext } from '../resolve/context.ts';
import { resolveParent } from '../resolve/gateway-route/attachment.ts';
import { findService, type ResolvedService, resolveServices } from '../resolve/service/service.ts';

/** Findings about one object of a configuration, sorted by field. What follows for other objects is not among them. */
export function analyzeCandidate(mesh: MeshSnapshot, ref: ObjectRef): readonly Finding[] {
  const found = collectFindings();
  const context: ResolveContext = { mesh, report: found.report };
  analyzeObject(context, ref);
  for (const service of findServices(mesh, ref)) {
    const gateway = resolveBinding({ mesh, report: () => undefined }, service.object);
    if (gateway === undefined) continue;
    for (const { number } of service.ports) makeFrontendPart(context, gateway, { host: service.host, port: number });
  }
  const key = formatRef(ref);
  return found.list().filter((finding) => formatRef(finding.ref) === key);
}

/** The services that an object's rules or policies are for, as far as it names them itself. */
function findServices(mesh: MeshSnapshot, { kind, namespace, name }: ObjectRef): readonly ResolvedService[] {
  switch (kind) {
    case 'VirtualService': {
      const hosts = mesh.get(kind, namespace, name)?.spec.hosts ?? [];
      return hosts.flatMap(
        (host) => findService(mesh, resolveHost(host, namespace, mesh.settings.clusterDomain), namespace) ?? [],
      );
    }
    case 'AuthorizationPolicy':
    case 'RequestAuthentication': {
      const targets = mesh.get(kind, namespace, name)?.spec.targetRefs ?? [];
      return targets.flatMap((target) => findTarget(mesh, namespace, target));
    }
    case 'GRPCRoute':
    case 'HTTPRoute':
    case 'TCPRoute':
    case 'TLSRoute': {
      const parents = mesh.get(kind, namespace, name)?.spec.parentRefs ?? [];
      return parents.flatMap((parentRef) => {
        const parent = resolveParent(mesh, parentRef, namespace);
        return parent === undefined || 'problem' in parent ? [] : parent.services;
      });
    }
    default:
      return [];
  }
}

function findTarget(
  mesh: MeshSnapshot,
  namespace: string,
  { kind, name }: PolicyTargetReference,
): readonly ResolvedService[] {
  const service: MeshObject<'Service'> | MeshObject<'ServiceEntry'> | undefined =
    kind === 'Service'
      ? mesh.get('Service', namespace, name)
      : kind === 'ServiceEntry'
        ? mesh.get('ServiceEntry', namespace, name)
        : undefined;
  return service === undefined ? [] : resolveServices(service, mesh.settings.clusterDomain);
}
