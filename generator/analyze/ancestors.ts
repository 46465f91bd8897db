// The status of policies that are attached to backends, whatever their kind.

import type { MeshObject, MeshSnapshot, ObjectRef } from '../../mesh/index.ts';
import { kindNames, refOf } from '../../mesh/index.ts';
import type { PolicyAncestor } from '../resolve/backend/policy-ancestor.ts';
import { analysisOf } from './objects.ts';

/** The entries of `status.ancestors` of one policy that are this controller's. */
export interface PolicyStatus {
  readonly ref: ObjectRef;
  readonly ancestors: readonly PolicyAncestor[];
}

/** The status of one policy. */
export function resolvePolicyStatus(mesh: MeshSnapshot, policy: MeshObject): PolicyStatus {
  return { ref: refOf(policy), ancestors: analysisOf(policy.kind).ancestors?.(mesh, policy) ?? [] };
}

/** The status of every policy that is attached to backends, kind after kind, oldest first. */
export function resolvePolicyStatuses(mesh: MeshSnapshot): readonly PolicyStatus[] {
  const kinds = kindNames.filter((kind) => analysisOf(kind).ancestors !== undefined);
  return kinds.flatMap((kind) => mesh.list(kind).map((policy) => resolvePolicyStatus(mesh, policy)));
}
