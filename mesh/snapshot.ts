// The read side of the configuration: the questions that `generator` may ask. Every answer is an
// index query, so that the inputs of a result can be recorded as a set of query keys, misses
// included.

import type { IndexKinds, IndexName, Kind } from './kinds/table.ts';
import type { MeshObject } from './object.ts';
import type { MeshSettings } from './settings.ts';

/**
 * The configuration at one instant. Results are sorted: oldest first if creation times are known,
 * then by namespace and name. The same objects give the same answers whatever the order of their
 * arrival.
 */
export interface MeshSnapshot {
  readonly settings: MeshSettings;
  get<K extends Kind>(kind: K, namespace: string, name: string): MeshObject<K> | undefined;
  list<K extends Kind>(kind: K): readonly MeshObject<K>[];
  find<I extends IndexName>(index: I, key: string): readonly MeshObject<IndexKinds[I]>[];
}

/** Names a query: `get:Kind/namespace/name`, `list:Kind` or `find:index:key`. */
export type QueryKey = string;
