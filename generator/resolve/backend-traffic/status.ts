// The status of an XBackendTrafficPolicy: one entry of `status.ancestors` for each target.

import { formatRef, type MeshSnapshot, refOf } from '../../../mesh/index.ts';
import type { PolicyAncestor, PolicyCondition } from '../backend/policy-ancestor.ts';
import { type BackendTrafficPolicy, judgeTarget } from './policy.ts';

/** The entries of one policy. */
export function resolveBackendTrafficStatus(
  mesh: MeshSnapshot,
  policy: BackendTrafficPolicy,
): readonly PolicyAncestor[] {
  const { namespace, generation } = policy.metadata;
  return policy.spec.targetRefs.map((target) => {
    const { group, kind, name } = target;
    return {
      ancestorRef: { group, kind, namespace, name },
      controllerName: mesh.settings.waypointController,
      conditions: [
        {
          type: 'Accepted',
          ...judge(mesh, policy, target),
          ...(generation === undefined ? {} : { observedGeneration: generation }),
        },
      ],
    };
  });
}

function judge(
  mesh: MeshSnapshot,
  policy: BackendTrafficPolicy,
  target: BackendTrafficPolicy['spec']['targetRefs'][number],
): Pick<PolicyCondition, 'status' | 'reason' | 'message'> {
  const judged = judgeTarget(mesh, policy, target);
  switch (judged.kind) {
    case 'missing': {
      const reason = judged.field === 'kind' ? 'Invalid' : 'TargetNotFound';
      return { status: 'False', reason, message: judged.message };
    }
    case 'conflict': {
      const message = `${formatRef(refOf(judged.winner))} has the same target`;
      return { status: 'False', reason: 'Conflicted', message };
    }
    case 'held':
      return { status: 'True', reason: 'Accepted', message: 'Configuration is valid' };
  }
}
