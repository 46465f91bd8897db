// The keys under which the store finds an object, from the definition of its kind. A change touches
// exactly the keys of the object before and after it.

import { definitionOf } from './kinds/table.ts';
import type { IndexName } from './kinds/table.ts';
import type { AnyMeshObject } from './object.ts';
import type { MeshSettings } from './settings.ts';

/** One place in one index. */
export interface IndexKey {
  readonly index: IndexName;
  readonly key: string;
}

/** Every index key under which an object is found, each once. */
export function indexKeys(object: AnyMeshObject, settings: MeshSettings): readonly IndexKey[] {
  return Object.entries(definitionOf(object.kind).indexes).flatMap(([name, keys]) =>
    [...new Set(keys(object, settings))].map((key) => ({ index: `${object.kind}/${name}` as IndexName, key })),
  );
}
