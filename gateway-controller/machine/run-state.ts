// What a directory says, with what a run adds to it: keys that were fetched, the trust domain that is in force, and since when objects
// have been there.
import type { AnyMeshObject, MeshChange, MeshObject } from '../../mesh/index.ts';
import type { DirectoryState } from './directory-source.ts';
import { pinTrustDomain } from './trust-domain.ts';
import { compareDocuments } from '../keys/documents.ts';

type JwksDocument = MeshObject<'JwksDocument'>;

/** What a run knows beside its directory. */
export interface RunAdditions {
  /** Of every certificate that the run issues. */
  readonly trustDomain: string;
  /** The keys that were fetched, before and now. */
  readonly documentsBefore: readonly JwksDocument[];
  readonly documents: readonly JwksDocument[];
  /** Adds to an object when it was seen first. */
  readonly stamp: (object: AnyMeshObject) => AnyMeshObject;
}

/** The state as it is put in force. */
export function completeState(state: DirectoryState, additions: RunAdditions): DirectoryState {
  const { trustDomain, documentsBefore, documents, stamp } = additions;
  const pin = (change: MeshChange): MeshChange => {
    if (change.type === 'delete') return change;
    const [object = change.object] = pinTrustDomain([change.object], trustDomain, state.locate).objects;
    return { type: 'put', object: stamp(object) };
  };
  return {
    ...state,
    changes: [...state.changes.map(pin), ...compareDocuments(documentsBefore, documents)],
    objects: () => [...pinTrustDomain(state.objects(), trustDomain, state.locate).objects.map(stamp), ...documents],
    findings: () => [...state.findings(), ...pinTrustDomain(state.objects(), trustDomain, state.locate).findings],
  };
}
