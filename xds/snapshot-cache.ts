// The snapshots of all proxies, as encoded bytes. There is one key for each waypoint, and all
// streams of a waypoint share the same bytes. The cache tells watchers about changes and holds no
// queue: a slow watcher asks later and gets the newest version.

import type { EncodedResource } from '../envoy-api/index.ts';

/** Names one resource of a key. */
export interface ResourceName {
  readonly typeUrl: string;
  readonly name: string;
}

/**
 * Called after the cache has the new contents, once for each set or apply that changed something.
 */
export type ChangeListener = (changed: readonly ResourceName[]) => void;

/** The view of one stream: the contents of one key, always the newest. */
export interface SnapshotView {
  /**
   * False until the key was set. Until then nothing may be sent, not even that there is nothing.
   */
  ready(): boolean;
  get(typeUrl: string, name: string): EncodedResource | undefined;
  names(typeUrl: string): Iterable<string>;
}

type Contents = Map<string, Map<string, EncodedResource>>;

/** Encoded resources by key, type and name. */
export class SnapshotCache {
  readonly #contents = new Map<string, Contents>();
  readonly #listeners = new Map<string, Set<ChangeListener>>();

  /**
   * Replaces everything of `key`. A key that was set to nothing differs from one that was never
   * set: its proxies are told that there is nothing.
   */
  set(key: string, resources: Iterable<EncodedResource>): void {
    const upserts = [...resources];
    const kept = new Map<string, Set<string>>();
    for (const { typeUrl, name } of upserts) {
      const names = kept.get(typeUrl);
      if (names === undefined) kept.set(typeUrl, new Set([name]));
      else names.add(name);
    }
    const removals: ResourceName[] = [];
    for (const [typeUrl, byName] of this.#contents.get(key) ?? []) {
      for (const name of byName.keys()) {
        if (kept.get(typeUrl)?.has(name) !== true) removals.push({ typeUrl, name });
      }
    }
    this.apply(key, { upserts, removals });
  }

  /**
   * Changes some resources of `key`, at a cost that follows the change. A resource with the same
   * version as before is no change.
   */
  apply(
    key: string,
    change: { readonly upserts: Iterable<EncodedResource>; readonly removals: Iterable<ResourceName> },
  ): void {
    const isNew = !this.#contents.has(key);
    const contents: Contents = this.#contents.get(key) ?? new Map<string, Map<string, EncodedResource>>();
    this.#contents.set(key, contents);
    const changed: ResourceName[] = [];
    for (const { typeUrl, name } of change.removals) {
      if (contents.get(typeUrl)?.delete(name) === true) changed.push({ typeUrl, name });
    }
    for (const resource of change.upserts) {
      const { typeUrl, name } = resource;
      let byName = contents.get(typeUrl);
      if (byName === undefined) contents.set(typeUrl, (byName = new Map()));
      if (byName.get(name)?.version === resource.version) continue;
      byName.set(name, resource);
      changed.push({ typeUrl, name });
    }
    if (changed.length > 0 || isNew) this.#tell(key, changed);
  }

  /** Forgets `key`. Its proxies keep their resources: to remove those, set the key to nothing. */
  remove(key: string): void {
    const changed: ResourceName[] = [];
    for (const [typeUrl, byName] of this.#contents.get(key) ?? []) {
      for (const name of byName.keys()) changed.push({ typeUrl, name });
    }
    if (this.#contents.delete(key)) this.#tell(key, changed);
  }

  /** True from the first set or apply of `key` until it is removed. */
  has(key: string): boolean {
    return this.#contents.has(key);
  }

  /** The resource of that name, if `key` has it. */
  get(key: string, typeUrl: string, name: string): EncodedResource | undefined {
    return this.#contents.get(key)?.get(typeUrl)?.get(name);
  }

  /** The names of all resources of a type. */
  names(key: string, typeUrl: string): Iterable<string> {
    return this.#contents.get(key)?.get(typeUrl)?.keys() ?? [];
  }

  /** The contents of one key, for a session. */
  view(key: string): SnapshotView {
    return {
      ready: () => this.has(key),
      get: (typeUrl, name) => this.get(key, typeUrl, name),
      names: (typeUrl) => this.names(key, typeUrl),
    };
  }

  /**
   * Calls `listener` on every change of `key` until the returned function is called. The first set
   * of a key is reported even if it is empty.
   */
  watch(key: string, listener: ChangeListener): () => void {
    let listeners = this.#listeners.get(key);
    if (listeners === undefined) this.#listeners.set(key, (listeners = new Set()));
    listeners.add(listener);
    return () => {
      const current = this.#listeners.get(key);
      current?.delete(listener);
      if (current?.size === 0) this.#listeners.delete(key);
    };
  }

  #tell(key: string, changed: readonly ResourceName[]): void {
    for (const listener of this.#listeners.get(key) ?? []) listener(changed);
  }
}
