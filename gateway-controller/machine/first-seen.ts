// The age of the objects of a directory. Files do not state it, and of several objects that claim
// an address or a host the oldest has it, also after a restart.

import { formatRef, refOf } from '../../mesh/index.ts';
import type { AnyMeshObject, MeshChange } from '../../mesh/index.ts';

/** Kinds that can claim an address or a host. */
const claimingKinds: ReadonlySet<string> = new Set(['Gateway', 'Service', 'ServiceEntry', 'WorkloadEntry']);

/** Remembers when each object was seen first. */
export class FirstSeen {
  #times: ReadonlyMap<string, string>;
  #isStarted = false;
  /** Copies by their original object, so that a comparison ends at once. */
  readonly #copies = new WeakMap<AnyMeshObject, { readonly time: string; readonly copy: AnyMeshObject }>();

  /** `kept` is the result of `keep` in an earlier process. */
  constructor(kept: Readonly<Record<string, unknown>>) {
    this.#times = new Map(
      Object.entries(kept).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
    );
  }

  /**
   * Takes the changes at `now`, in milliseconds since 1970; the first time, everything. True when
   * it matters.
   */
  note(changes: readonly MeshChange[], now: number): boolean {
    const kindOf = (change: MeshChange): string => (change.type === 'put' ? change.object.kind : change.ref.kind);
    if (this.#isStarted && !changes.some((change) => claimingKinds.has(kindOf(change)))) return false;
    const times = new Map(this.#isStarted ? this.#times : []);
    for (const change of changes) {
      const ref = change.type === 'put' ? refOf(change.object) : change.ref;
      if (!claimingKinds.has(ref.kind)) continue;
      const key = formatRef(ref);
      if (change.type === 'delete') times.delete(key);
      // An object that is removed and added within one change was moved.
      else if (!times.has(key)) times.set(key, this.#times.get(key) ?? new Date(now).toISOString());
    }
    const isChanged =
      times.size !== this.#times.size || [...times].some(([key, time]) => this.#times.get(key) !== time);
    this.#isStarted = true;
    this.#times = times;
    return isChanged;
  }

  /** The object with the time at which it was seen first, whatever the file says of it. */
  stamp(object: AnyMeshObject): AnyMeshObject {
    const time = claimingKinds.has(object.kind) ? this.#times.get(formatRef(refOf(object))) : undefined;
    if (time === undefined) return object;
    const known = this.#copies.get(object);
    if (known?.time === time) return known.copy;
    const copy: AnyMeshObject = { ...object, metadata: { ...object.metadata, creationTimestamp: time } };
    this.#copies.set(object, { time, copy });
    return copy;
  }

  /** The state for the next process. */
  keep(): Readonly<Record<string, string>> {
    return Object.fromEntries(this.#times);
  }
}
