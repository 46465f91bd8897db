// The XBackendTrafficPolicy that holds for a service: of several the oldest, then the first by
// name.

import type { MeshObject, MeshSnapshot } from '../../../mesh/index.ts';
import { isService } from '../backend/backend-tls.ts';
import type { ResolvedService } from '../service/service.ts';

export type BackendTrafficPolicy = MeshObject<'XBackendTrafficPolicy'>;

/** The policy of a service; undefined when it has none. */
export function findBackendTrafficPolicy(
  mesh: MeshSnapshot,
  { object, namespace, name }: Pick<ResolvedService, 'object' | 'namespace' | 'name'>,
): BackendTrafficPolicy | undefined {
  return mesh
    .find('XBackendTrafficPolicy/target', `${object.kind}/${namespace}/${name}`)
    .find(({ spec }) =>
      spec.targetRefs.some((target) => isService(target) && target.kind === object.kind && target.name === name),
    );
}

/** The result of judging one target of a policy. */
export type JudgedTarget =
  | { readonly kind: 'held'; readonly service: MeshObject<'Service'> | MeshObject<'ServiceEntry'> }
  | { readonly kind: 'missing'; readonly field: 'kind' | 'name'; readonly message: string }
  | { readonly kind: 'conflict'; readonly winner: BackendTrafficPolicy };

/** Whether a policy holds for one of its targets. */
export function judgeTarget(
  mesh: MeshSnapshot,
  policy: BackendTrafficPolicy,
  target: BackendTrafficPolicy['spec']['targetRefs'][number],
): JudgedTarget {
  const { group, kind, name } = target;
  const { namespace } = policy.metadata;
  if (!isService(target)) {
    const message = `kind "${kind}" of group "${group}" cannot have an XBackendTrafficPolicy`;
    return { kind: 'missing', field: 'kind', message };
  }
  const service = kind === 'Service' ? mesh.get('Service', namespace, name) : mesh.get('ServiceEntry', namespace, name);
  if (service === undefined) {
    return { kind: 'missing', field: 'name', message: `${kind} ${namespace}/${name} does not exist` };
  }
  const winner = findBackendTrafficPolicy(mesh, { object: service, namespace, name });
  return winner === undefined || winner.metadata.name === policy.metadata.name
    ? { kind: 'held', service }
    : { kind: 'conflict', winner };
}
