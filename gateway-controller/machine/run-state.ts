// The content of a directory, with the additions of a run: fetched keys, the trust domain in force,
// and the age of objects.
import type { AnyMeshObject, MeshChange, MeshObject } from '../../mesh/index.ts';
import type { DirectoryState } from './directory-source.ts';
import { pinTrustDomain } from './trust-domain.ts';
import { compareDocuments } from '../keys/documents.ts';

type JwksDocument = MeshObject<'JwksDocument'>;

/** The facts of a run beside its directory. */
export interface RunAdditions {
  /** Of every certificate that the run issues. */
  readonly trustDomain: string;
  /** The keys that were fetched, before and now. */
  readonly documentsBefore: readonly JwksDocument[];
  readonly documents: readonly JwksDocument[];
  /** Adds the time at which an object was seen first. */
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
