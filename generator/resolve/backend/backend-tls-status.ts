// The status of BackendTLSPolicies: for each target, the conditions that a controller writes under
// `status.ancestors`.

import { formatRef, type MeshObject, type MeshSnapshot, namespaceTarget, refOf } from '../../../mesh/index.ts';
import { judgeTarget, resolveValidation } from './backend-tls.ts';
import type { PolicyAncestor, PolicyCondition } from './policy-ancestor.ts';

/** The entries of one BackendTLSPolicy. */
export function resolveBackendTlsStatus(
  mesh: MeshSnapshot,
  policy: MeshObject<'BackendTLSPolicy'>,
): readonly PolicyAncestor[] {
  const { namespace, generation } = policy.metadata;
  const { tls, problems } = resolveValidation(mesh, policy);
  const [problem] = problems;
  return policy.spec.targetRefs.flatMap((target, index) => {
    // Targets of the stand-in that the policy does not have.
    if (target.kind === namespaceTarget) return [];
    const judged = judgeTarget(mesh, policy, index);
    const accepted: Pick<PolicyCondition, 'status' | 'reason' | 'message'> =
      judged.kind === 'missing'
        ? {
            status: 'False',
            reason: judged.field === 'kind' ? 'Invalid' : 'TargetNotFound',
            message: judged.message,
          }
        : judged.kind === 'conflict'
          ? {
              status: 'False',
              reason: 'Conflicted',
              message: `${formatRef(refOf(judged.winner))} has the same target`,
            }
          : problem !== undefined && tls === undefined
            ? {
                status: 'False',
                reason: problem.reason === 'Invalid' ? 'Invalid' : 'NoValidCACertificate',
                message: problem.message,
              }
            : { status: 'True', reason: 'Accepted', message: 'Configuration is valid' };
    const conditions: readonly PolicyCondition[] = [
      { type: 'Accepted', ...accepted },
      problem === undefined || problem.reason === 'Invalid'
        ? { type: 'ResolvedRefs', status: 'True', reason: 'ResolvedRefs', message: 'Configuration is valid' }
        : { type: 'ResolvedRefs', status: 'False', reason: problem.reason, message: problem.message },
    ];
    return {
      ancestorRef: { ...target, namespace },
      controllerName: mesh.settings.waypointController,
      conditions: conditions.map((condition) => ({
        ...condition,
        ...(generation === undefined ? {} : { observedGeneration: generation }),
      })),
    };
  });
}
