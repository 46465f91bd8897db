// The question side of the configuration: what `generator` may ask. Every answer is an index query, so that what a result was
// computed from can be recorded as a set of query keys, misses included.

import type { IndexKinds, IndexName, Kind } from './kinds/table.ts';
import type { MeshObject } from './object.ts';
import type { MeshSettings } from './settings.ts';

/**
 * The configuration at one instant. Results are sorted: oldest first where creation times are known, then by namespace and name;
 * the same objects give the same answers whatever the order they arrived in.
 */
export interface MeshSnapshot {
  readonly settings: MeshSettings;
  get<K extends Kind>(kind: K, namespace: string, name: string): MeshObject<K> | undefined;
  list<K extends Kind>(kind: K): readonly MeshObject<K>[];
  find<I extends IndexName>(index: I, key: string): readonly MeshObject<IndexKinds[I]>[];
}

/** Names a query: `get:Kind/namespace/name`, `list:Kind` or `find:index:key`. */
export type QueryKey = string;
