// The analysis of a kind: the effect of each field, and the Findings about one object.

import type { Kind, MeshObject, MeshSnapshot } from '../../mesh/index.ts';
import type { ResolveContext } from '../resolve/context.ts';
import type { ResolvedService } from '../resolve/service/service.ts';
import type { PolicyAncestor } from '../resolve/backend/policy-ancestor.ts';
import type { FieldCatalogue } from './fields/catalogue.ts';

/** One kind. Its methods take objects of that kind only. */
export interface KindAnalysis<K extends Kind> {
  readonly fields: FieldCatalogue;
  /** Absent for kinds whose objects are not reported on by themselves. */
  report?(context: ResolveContext, object: MeshObject<K>): void;
  /** Whether fields without effect are ours to report; they are by default. */
  isOurs?(mesh: MeshSnapshot, object: MeshObject<K>): boolean;
  /** The services that an object's rules or policies are for, as far as it names them itself. */
  services?(mesh: MeshSnapshot, object: MeshObject<K>): readonly ResolvedService[];
  /** The entries of `status.ancestors`, for policies that are attached to backends. */
  ancestors?(mesh: MeshSnapshot, object: MeshObject<K>): readonly PolicyAncestor[];
}
