// The configuration with one more object, or with another version of one: a view, so that nothing
// has to be undone.

import {
  type AnyMeshObject,
  compareObjects,
  formatRef,
  type IndexKinds,
  type IndexName,
  type Kind,
  type MeshObject,
  type MeshSnapshot,
  MeshStore,
  refOf,
} from '../../../mesh/index.ts';

/** A snapshot with `candidate` in place of the object of its name. */
export function withCandidate(mesh: MeshSnapshot, candidate: AnyMeshObject): MeshSnapshot {
  const alone = new MeshStore(mesh.settings);
  alone.apply([{ type: 'put', object: candidate }]);
  const replaced = formatRef(refOf(candidate));
  const combine = <K extends Kind>(
    known: readonly MeshObject<K>[],
    added: readonly MeshObject<K>[],
  ): readonly MeshObject<K>[] => {
    const rest = known.filter((object) => formatRef(refOf(object)) !== replaced);
    if (added.length === 0 && rest.length === known.length) return known;
    return [...rest, ...added].sort(compareObjects);
  };
  return {
    settings: mesh.settings,
    get<K extends Kind>(kind: K, namespace: string, name: string): MeshObject<K> | undefined {
      return alone.get(kind, namespace, name) ?? mesh.get(kind, namespace, name);
    },
    list<K extends Kind>(kind: K): readonly MeshObject<K>[] {
      return combine(mesh.list(kind), alone.list(kind));
    },
    find<I extends IndexName>(index: I, key: string): readonly MeshObject<IndexKinds[I]>[] {
      return combine(mesh.find(index, key), alone.find(index, key));
    },
  };
}
