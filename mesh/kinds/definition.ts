// The definition of a kind. Reading, the store, the Kubernetes API, the roles of an installation
// and the webhook derive from it. The generator gives its objects their meaning at a waypoint.

import type { Fields } from '../fields.ts';
import type { ObjectMeta } from '../metadata.ts';
import type { Problem } from '../reading/problem.ts';
import type { MeshSettings } from '../settings.ts';

/** The part of an object that its definition is about. */
export interface ObjectOf<Spec> {
  readonly metadata: ObjectMeta;
  readonly spec: Spec;
}

/**
 * The keys under which an index finds an object. A method, so that definitions of all kinds fit
 * into one table.
 */
type IndexKeys<Spec> = {
  keys(object: ObjectOf<Spec>, settings: MeshSettings): readonly string[];
}['keys'];

/** The kind in the Kubernetes API. */
export interface KindApi {
  /** The segment of its path: `gateways`. */
  readonly plural: string;
  /**
   * The objects that the control plane of a cluster watches: all of them, or those that other
   * objects name.
   */
  readonly watch: 'all' | 'named';
  /** Whether the webhook judges its objects. */
  readonly isReviewed: boolean;
}

/** The access of a control plane to a kind in the Kubernetes API; `none`: no API server has it. */
export type KindAccess = 'none' | 'read' | 'status';

/**
 * One kind: the type of its `spec`, the names of its indexes, and whether its objects are read from
 * an API and get a status.
 */
export interface KindDefinition<Spec, Index extends string = never, Access extends KindAccess = 'read'> {
  /** '' for the core group. */
  readonly group: string;
  /**
   * Newest first. A cluster serves at least one of them, and the best one that it serves is taken.
   */
  readonly versions: readonly [string, ...string[]];
  /** Versions that no cluster serves any more, read from text only. */
  readonly historicalVersions?: readonly string[];
  readonly isNamespaced: boolean;
  readonly access: Access;
  /** Present if there is an API. */
  readonly api?: KindApi;
  /**
   * By the name that follows the slash: the index `host` of a ServiceEntry is `ServiceEntry/host`.
   */
  readonly indexes: Readonly<Record<Index, IndexKeys<Spec>>>;
  /** The rules that an API server or Istio's webhook would apply, beyond the schema. */
  check?(object: ObjectOf<Spec>): readonly Problem[];
  /**
   * Fields of `spec` without which an object is for other requests, or for nobody's. Of those in
   * one list, one with a value is enough. Null in one of them is a mistake; elsewhere it means
   * nothing there.
   */
  readonly decisive?: readonly (readonly string[])[];
  /** The specification of an object whose facts stand elsewhere than in `spec`. */
  flatten?(object: Fields): Fields;
  /** The part of an object that the control plane of a cluster keeps; all of it by default. */
  trim?(object: Fields): Fields;
}
