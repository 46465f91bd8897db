// Clients by the namespace of their identity, in any trust domain of the mesh.

import type { MeshSettings } from '../../../mesh/index.ts';
import type { ClientNamespace } from '../../model/condition.ts';

/** The clients of a namespace. */
export function resolveClientNamespace(
  { trustDomain, trustDomainAliases }: Pick<MeshSettings, 'trustDomain' | 'trustDomainAliases'>,
  name: string,
): ClientNamespace {
  return { name, trustDomains: [trustDomain, ...trustDomainAliases] };
}
