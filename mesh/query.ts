// Names of queries, a view that records its queries, and the readers of each query: a result's
// inputs are known, misses included.

import type { IndexKinds, IndexName, Kind } from './kinds/table.ts';
import type { ObjectRef } from './metadata.ts';
import type { MeshObject } from './object.ts';
import type { MeshSettings } from './settings.ts';
import type { MeshSnapshot, QueryKey } from './snapshot.ts';

/** The key of reading `settings`. */
export const settingsKey: QueryKey = 'settings';

/** The key of `get`. */
export function getKey(kind: string, namespace: string, name: string): QueryKey {
  return `get:${kind}/${namespace}/${name}`;
}

/** The object that a key of `get` is about; undefined for other keys. */
export function parseGetKey(key: QueryKey): ObjectRef | undefined {
  // Only a name may contain a slash: names of stand-ins do.
  const [, kind = '', namespace = '', name = ''] = /^get:([^/]*)\/([^/]*)\/([^]*)$/.exec(key) ?? [];
  return kind === '' ? undefined : { kind, namespace, name };
}

/**
 * The kind of the objects that a query gives: `get:Kind/…`, `list:Kind` or `find:Kind/index:…`; ''
 * for the settings.
 */
export function kindOfQuery(key: QueryKey): string {
  return /^\w+:(\w+)/.exec(key)?.[1] ?? '';
}

/** The key of `list`. */
export function listKey(kind: string): QueryKey {
  return `list:${kind}`;
}

/** The key of `find`. */
export function findKey(index: IndexName, key: string): QueryKey {
  return `find:${index}:${key}`;
}

/** A view of a snapshot that adds the key of every question asked of it to `reads`. */
export function trackReads(snapshot: MeshSnapshot): {
  readonly snapshot: MeshSnapshot;
  readonly reads: ReadonlySet<QueryKey>;
} {
  const reads = new Set<QueryKey>();
  const tracked: MeshSnapshot = {
    get settings(): MeshSettings {
      reads.add(settingsKey);
      return snapshot.settings;
    },
    get<K extends Kind>(kind: K, namespace: string, name: string): MeshObject<K> | undefined {
      reads.add(getKey(kind, namespace, name));
      return snapshot.get(kind, namespace, name);
    },
    list<K extends Kind>(kind: K): readonly MeshObject<K>[] {
      reads.add(listKey(kind));
      return snapshot.list(kind);
    },
    find<I extends IndexName>(index: I, key: string): readonly MeshObject<IndexKinds[I]>[] {
      reads.add(findKey(index, key));
      return snapshot.find(index, key);
    },
  };
  return { snapshot: tracked, reads };
}

/** The questions that each reader asked when it last computed something. */
export class ReaderIndex {
  readonly #reads = new Map<string, ReadonlySet<QueryKey>>();
  readonly #readers = new Map<QueryKey, Set<string>>();

  /** Replaces the questions that a reader asked before. The set must not be changed afterwards. */
  record(reader: string, reads: ReadonlySet<QueryKey>): void {
    const before = this.#reads.get(reader);
    if (reads.size === 0) this.#reads.delete(reader);
    else this.#reads.set(reader, reads);
    // Most questions are the same each time.
    for (const key of reads) {
      if (before?.has(key) === true) continue;
      const readers = this.#readers.get(key) ?? new Set();
      this.#readers.set(key, readers.add(reader));
    }
    for (const key of before ?? []) {
      if (reads.has(key)) continue;
      const readers = this.#readers.get(key);
      readers?.delete(reader);
      if (readers?.size === 0) this.#readers.delete(key);
    }
  }

  /** The readers that asked a question. */
  of(key: QueryKey): Iterable<string> {
    return this.#readers.get(key) ?? [];
  }
}
