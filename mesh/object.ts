// The shape of every object that Cairn reads: a Kubernetes object as plain data, from any source.

import type { Kind, SpecByKind } from './kinds/table.ts';
import type { ObjectMeta, ObjectRef } from './metadata.ts';

/**
 * One object, normalized: current field names, namespace filled in, labels and annotations never
 * absent.
 */
export interface MeshObject<K extends Kind = Kind> {
  readonly apiVersion: string;
  readonly kind: K;
  readonly metadata: ObjectMeta;
  readonly spec: SpecByKind[K];
  /**
   * The unreadable object that this one stands for, so that nothing is open that it was to close.
   * No source can set it.
   */
  readonly standsFor?: ObjectRef;
}

/** Any object of any kind, as a union that narrows on `kind`. */
export type AnyMeshObject = { [K in Kind]: MeshObject<K> }[Kind];
