// Our entries of a policy's ancestors: the services that it is attached to, in the generator's
// words.

import { resolvePolicyStatus } from '../../../generator/index.ts';
import type { MeshObject } from '../../../mesh/index.ts';
import { isOfOurs } from './route-status.ts';
import type { WantedStatus } from './status.ts';
import { isGuest, type StatusView } from './view.ts';

/** Our entries of `status.ancestors`; none for targets of another control plane. */
export function resolveAncestors(view: StatusView, policy: MeshObject): WantedStatus {
  const { ancestors } = resolvePolicyStatus(view.mesh, policy);
  const own = isGuest(view.settings)
    ? ancestors.filter(({ ancestorRef }) => isOfOurs(view, ancestorRef, policy.metadata.namespace))
    : ancestors;
  return { kind: 'policy', ancestors: own };
}
