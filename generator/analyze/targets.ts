// The services that a policy or a route names.

import type { MeshSnapshot, ObjectMeta, PolicyTargetReference, RouteParentRef } from '../../mesh/index.ts';
import { resolveParent } from '../resolve/gateway-route/attachment.ts';
import { type ResolvedService, resolveServices } from '../resolve/service/service.ts';

/** The services among the targets of a policy. */
export function findTargets(
  mesh: MeshSnapshot,
  {
    metadata: { namespace },
    spec,
  }: {
    readonly metadata: ObjectMeta;
    readonly spec: { readonly targetRefs?: readonly Pick<PolicyTargetReference, 'kind' | 'name'>[] };
  },
): readonly ResolvedService[] {
  return (spec.targetRefs ?? []).flatMap(({ kind, name }) => {
    if (kind !== 'Service' && kind !== 'ServiceEntry') return [];
    const service = kind === 'Service' ? mesh.get(kind, namespace, name) : mesh.get(kind, namespace, name);
    return service === undefined ? [] : resolveServices(service, mesh.settings.clusterDomain);
  });
}

/** The services among the parents of a route. */
export function findParents(
  mesh: MeshSnapshot,
  {
    metadata: { namespace },
    spec,
  }: { readonly metadata: ObjectMeta; readonly spec: { readonly parentRefs?: readonly RouteParentRef[] } },
): readonly ResolvedService[] {
  return (spec.parentRefs ?? []).flatMap((parentRef) => {
    const parent = resolveParent(mesh, parentRef, namespace);
    return parent === undefined || 'problem' in parent ? [] : parent.services;
  });
}
