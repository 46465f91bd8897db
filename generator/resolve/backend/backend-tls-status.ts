// The status of BackendTLSPolicies: for each target, the conditions that a controller writes under
// `status.ancestors`.

import {
  formatRef,
  type MeshObject,
  type MeshSnapshot,
  namespaceTarget,
  type ObjectRef,
  refOf,
} from '../../../mesh/index.ts';
import { judgeTarget, resolveValidation } from './backend-tls.ts';

/** A condition without the time of its last change, which the writer keeps. */
export interface PolicyCondition {
  readonly type: 'Accepted' | 'ResolvedRefs';
  readonly status: 'False' | 'True';
  readonly reason: string;
  readonly message: string;
  /** Absent for objects that were read from files. */
  readonly observedGeneration?: number;
}

/**
 * The entries of one policy's `status.ancestors` for this controller. Other controllers' entries
 * are theirs, and stay.
 */
export interface BackendTlsStatus {
  readonly ref: ObjectRef;
  readonly ancestors: readonly {
    readonly ancestorRef: {
      readonly group: string;
      readonly kind: string;
      readonly namespace: string;
      readonly name: string;
      readonly sectionName?: string;
    };
    readonly controllerName: string;
    readonly conditions: readonly PolicyCondition[];
  }[];
}

/** The status of every BackendTLSPolicy, oldest first. */
export function resolveBackendTlsStatuses(mesh: MeshSnapshot): readonly BackendTlsStatus[] {
  return mesh.list('BackendTLSPolicy').map((policy) => resolveBackendTlsStatus(mesh, policy));
}

/** The status of one BackendTLSPolicy. */
export function resolveBackendTlsStatus(mesh: MeshSnapshot, policy: MeshObject<'BackendTLSPolicy'>): BackendTlsStatus {
  const { namespace, generation } = policy.metadata;
  const { tls, problems } = resolveValidation(mesh, policy);
  const [problem] = problems;
  return {
    ref: refOf(policy),
    ancestors: policy.spec.targetRefs.flatMap((target, index) => {
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
    }),
  };
}
