// The shape shared by every object that Cairn reads: a Kubernetes object as plain data, whatever
// source it came from.

import type { Kind, SpecByKind } from './kinds/table.ts';
import type { ObjectMeta } from './metadata.ts';

/**
 * One object, normalized: current field names, namespace filled in, labels and annotations never
 * absent.
 */
export interface MeshObject<K extends Kind = Kind> {
  readonly apiVersion: string;
  readonly kind: K;
  readonly metadata: ObjectMeta;
  readonly spec: SpecByKind[K];
  /** The object that could not be read and in whose place this one is, so that what that one closes is not open. No source says it. */
  readonly standsFor?: ObjectRef;
}

/** Any object of any kind, as a union that narrows on `kind`. */
export type AnyMeshObject = { [K in Kind]: MeshObject<K> }[Kind];
