// The current configuration. Changes go in one by one or in batches. The store returns the set of
// questions whose answers may differ, so that only their readers become dirty and compute again.

import { isDeepEqual } from './equality.ts';
import { indexKeys } from './indexes.ts';
import type { IndexKey } from './indexes.ts';
import type { IndexKinds, IndexName, Kind } from './kinds/table.ts';
import { formatRef, refOf } from './metadata.ts';
import type { ObjectRef } from './metadata.ts';
import type { AnyMeshObject, MeshObject } from './object.ts';
import { findKey, getKey, listKey, settingsKey } from './query.ts';
import { applyMeshConfig, defaultMeshSettings } from './settings.ts';
import type { MeshSettings } from './settings.ts';
import type { MeshSnapshot, QueryKey } from './snapshot.ts';

/** One object was added, changed or removed. */
export type MeshChange =
  { readonly type: 'put'; readonly object: AnyMeshObject } | { readonly type: 'delete'; readonly ref: ObjectRef };

/** A bucket of objects by name, with its sorted list made on the first question after a change. */
interface Bucket {
  readonly objects: Map<string, AnyMeshObject>;
  sorted: readonly AnyMeshObject[] | undefined;
}

interface Entry {
  readonly object: AnyMeshObject;
  readonly keys: readonly IndexKey[];
}

/** A `MeshSnapshot` that changes in place. Objects put into it must not be changed afterwards. */
export class MeshStore implements MeshSnapshot {
  /** Without those of a MeshConfig. */
  #given: MeshSettings;
  #settings: MeshSettings;
  readonly #entries = new Map<QueryKey, Entry>();
  /** Keyed by the query that a bucket answers. */
  readonly #buckets = new Map<QueryKey, Bucket>();

  constructor(settings: MeshSettings = defaultMeshSettings) {
    this.#given = settings;
    this.#settings = settings;
  }

  get settings(): MeshSettings {
    return this.#settings;
  }

  get<K extends Kind>(kind: K, namespace: string, name: string): MeshObject<K> | undefined {
    return this.#entries.get(getKey(kind, namespace, name))?.object as MeshObject<K> | undefined;
  }

  list<K extends Kind>(kind: K): readonly MeshObject<K>[] {
    return this.#answer(listKey(kind)) as readonly MeshObject<K>[];
  }

  find<I extends IndexName>(index: I, key: string): readonly MeshObject<IndexKinds[I]>[] {
    return this.#answer(findKey(index, key)) as readonly MeshObject<IndexKinds[I]>[];
  }

  /**
   * Applies the changes in order; returns the keys of the queries whose answers may have changed.
   */
  apply(changes: readonly MeshChange[]): ReadonlySet<QueryKey> {
    const touched = new Set<QueryKey>();
    for (const change of changes) {
      const ref = change.type === 'put' ? refOf(change.object) : change.ref;
      const key = getKey(ref.kind, ref.namespace, ref.name);
      const before = this.#entries.get(key);
      if (change.type === 'delete') {
        if (before !== undefined) this.#remove(key, before, touched);
      } else if (before === undefined || !isDeepEqual(before.object, change.object)) {
        if (before !== undefined) this.#remove(key, before, touched);
        this.#add(key, { object: change.object, keys: indexKeys(change.object, this.#settings) }, touched);
      }
    }
    if (touched.has(listKey('MeshConfig'))) this.#deriveSettings(touched);
    return touched;
  }

  /**
   * Replaces the settings below a MeshConfig; returns the keys of the queries whose answers may
   * have changed.
   */
  setSettings(settings: MeshSettings): ReadonlySet<QueryKey> {
    const touched = new Set<QueryKey>();
    this.#given = settings;
    this.#deriveSettings(touched);
    return touched;
  }

  #deriveSettings(touched: Set<QueryKey>): void {
    const [config] = this.list('MeshConfig');
    const settings = config === undefined ? this.#given : applyMeshConfig(this.#given, config.spec);
    if (isDeepEqual(settings, this.#settings)) return;
    this.#settings = settings;
    touched.add(settingsKey);
    const moved = [...this.#entries].flatMap(([key, entry]) => {
      const keys = indexKeys(entry.object, settings);
      return isDeepEqual(keys, entry.keys) ? [] : [{ key, entry, keys }];
    });
    for (const { key, entry, keys } of moved) {
      this.#remove(key, entry, touched);
      this.#add(key, { object: entry.object, keys }, touched);
    }
  }

  #add(key: QueryKey, entry: Entry, touched: Set<QueryKey>): void {
    this.#entries.set(key, entry);
    touched.add(key);
    for (const query of bucketsOf(entry)) {
      const bucket = this.#buckets.get(query) ?? { objects: new Map(), sorted: undefined };
      bucket.objects.set(key, entry.object);
      bucket.sorted = undefined;
      this.#buckets.set(query, bucket);
      touched.add(query);
    }
  }

  #remove(key: QueryKey, entry: Entry, touched: Set<QueryKey>): void {
    this.#entries.delete(key);
    touched.add(key);
    for (const query of bucketsOf(entry)) {
      const bucket = this.#buckets.get(query);
      touched.add(query);
      if (bucket === undefined) continue;
      bucket.objects.delete(key);
      bucket.sorted = undefined;
      if (bucket.objects.size === 0) this.#buckets.delete(query);
    }
  }

  #answer(query: QueryKey): readonly AnyMeshObject[] {
    const bucket = this.#buckets.get(query);
    if (bucket === undefined) return [];
    bucket.sorted ??= [...bucket.objects.values()].sort(compareObjects);
    return bucket.sorted;
  }
}

/**
 * The changes that turn `before` into `after`, for sources that read everything again. Each list
 * names an object once.
 */
export function diffObjects(before: readonly AnyMeshObject[], after: readonly AnyMeshObject[]): readonly MeshChange[] {
  const old = new Map(before.map((object) => [formatRef(refOf(object)), object]));
  const puts: MeshChange[] = [];
  for (const object of after) {
    const key = formatRef(refOf(object));
    const previous = old.get(key);
    old.delete(key);
    if (previous === undefined || !isDeepEqual(previous, object)) puts.push({ type: 'put', object });
  }
  return [...[...old.values()].map((object): MeshChange => ({ type: 'delete', ref: refOf(object) })), ...puts];
}

/**
 * Oldest first, then by namespace and name; objects of unknown age come after those of known age.
 */
export function compareObjects(left: MeshObject, right: MeshObject): number {
  return (
    compareText(left.metadata.creationTimestamp ?? '~', right.metadata.creationTimestamp ?? '~') ||
    compareText(left.metadata.namespace, right.metadata.namespace) ||
    compareText(left.metadata.name, right.metadata.name)
  );
}

function compareText(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

function bucketsOf({ object, keys }: Entry): readonly QueryKey[] {
  return [listKey(object.kind), ...keys.map(({ index, key }) => findKey(index, key))];
}
