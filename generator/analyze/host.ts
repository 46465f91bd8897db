// The service that a rule names by its host.

import type { ResolveContext } from '../resolve/context.ts';
import { findService, type ResolvedService } from '../resolve/service/service.ts';
import { type MeshObject, refOf, resolveHost } from '../../mesh/index.ts';

export function findHost(
  context: ResolveContext,
  object: MeshObject<'VirtualService'> | MeshObject<'DestinationRule'>,
  host: string,
  path: readonly (string | number)[],
): ResolvedService | undefined {
  const full = resolveHost(host, object.metadata.namespace, context.mesh.settings.clusterDomain);
  const service = findService(context.mesh, full, object.metadata.namespace) ?? findService(context.mesh, full);
  if (service === undefined) {
    context.report({
      code: 'HostNotFound',
      severity: 'warning',
      ref: refOf(object),
      path,
      message: `no service has the host "${full}", so this has no effect`,
      hint: 'a name without dots is looked up in the namespace of this object; write other names in full',
    });
  }
  return service;
}
