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

/** A question with its readers: most have one. The text is kept once for all of them. */
interface Question {
  readonly key: QueryKey;
  readers: string | Set<string>;
}

/** The questions that each reader asked when it last computed something. */
export class ReaderIndex {
  readonly #reads = new Map<string, readonly QueryKey[]>();
  readonly #questions = new Map<QueryKey, Question>();

  /** Replaces the questions that a reader asked before. */
  record(reader: string, reads: ReadonlySet<QueryKey>): void {
    const before = new Set(this.#reads.get(reader));
    const after: QueryKey[] = [];
    for (const key of reads) {
      // Most questions are the same each time.
      after.push(before.delete(key) ? this.#own(key) : this.#add(key, reader));
    }
    for (const key of before) this.#remove(key, reader);
    if (after.length === 0) this.#reads.delete(reader);
    else this.#reads.set(reader, after);
  }

  /** The readers that asked a question. */
  of(key: QueryKey): Iterable<string> {
    const readers = this.#questions.get(key)?.readers ?? [];
    return typeof readers === 'string' ? [readers] : readers;
  }

  #own(key: QueryKey): QueryKey {
    return this.#questions.get(key)?.key ?? key;
  }

  #add(key: QueryKey, reader: string): QueryKey {
    const question = this.#questions.get(key);
    if (question === undefined) this.#questions.set(key, { key, readers: reader });
    else if (typeof question.readers !== 'string') question.readers.add(reader);
    else if (question.readers !== reader) question.readers = new Set([question.readers, reader]);
    return question?.key ?? key;
  }

  #remove(key: QueryKey, reader: string): void {
    const question = this.#questions.get(key);
    if (question === undefined) return;
    const { readers } = question;
    if (typeof readers !== 'string') readers.delete(reader);
    if (readers === reader || (typeof readers !== 'string' && readers.size === 0)) this.#questions.delete(key);
  }
}
