// The documents with the keys of issuers, as changes of the mesh.

import { type MeshChange, type MeshObject, refOf } from '../../mesh/index.ts';

type JwksDocument = MeshObject<'JwksDocument'>;

/** The changes of documents: those that are gone, and all that there are. */
export function compareDocuments(before: readonly JwksDocument[], now: readonly JwksDocument[]): readonly MeshChange[] {
  const names = new Set(now.map(({ metadata }) => metadata.name));
  return [
    ...before
      .filter(({ metadata }) => !names.has(metadata.name))
      .map((document): MeshChange => ({ type: 'delete', ref: refOf(document) })),
    ...now.map((object): MeshChange => ({ type: 'put', object })),
  ];
}
