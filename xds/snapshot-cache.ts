// The snapshots of all proxies, as encoded bytes. There is one key for each waypoint, and all
// streams of a waypoint share the same bytes. The cache tells watchers about changes and holds no
// queue: a slow watcher asks later and gets the newest version.
//
// The owner of a key need not make everything at once. It offers names: those of resources that it
// will make as soon as a proxy waits for one. `onWanted` tells it, once for each name and key, and
// it answers with `apply`.

import type { EncodedResource } from '../envoy-api/index.ts';

/** Names one resource of a key. */
export interface ResourceName {
  readonly typeUrl: string;
  readonly name: string;
}

/** A change of the contents of a key. Resources that are due together arrive in one change. */
export interface SnapshotChange {
  readonly upserts: Iterable<EncodedResource>;
  readonly removals: Iterable<ResourceName>;
  /**
   * Names that the owner will make when they are wanted. The first change of a key offers all of
   * them: a proxy that comes back would lose the others. A name stays on offer when it is made; if
   * its resource is removed later, it is coming again.
   */
  readonly offers?: Iterable<ResourceName>;
  /**
   * Names that are no longer on offer. Proxies that wait for them are told that there is nothing.
   */
  readonly withdrawals?: Iterable<ResourceName>;
}

/**
 * Called after the cache has the new contents, once for each set or apply that changed something:
 * the resources, and names that began or ceased to be coming. Changes are told in their order.
 */
export type ChangeListener = (changed: readonly ResourceName[]) => void;

/** Called when proxies of `key` begin to wait for names that are coming. */
export type WantListener = (key: string, wanted: readonly ResourceName[]) => void;

/** The view of one stream: the contents of one key, always the newest. */
export interface SnapshotView {
  /**
   * False until the key was set. Until then nothing may be sent, not even that there is nothing.
   */
  ready(): boolean;
  get(typeUrl: string, name: string): EncodedResource | undefined;
  names(typeUrl: string): Iterable<string>;
  /** True if the name is on offer and not made. */
  isComing(typeUrl: string, name: string): boolean;
}

/** Everything of one key, by type and name. */
interface Contents {
  readonly resources: Map<string, Map<string, EncodedResource>>;
  readonly offers: Map<string, Set<string>>;
  /** Those of the offers that a proxy waited for since they were last removed. */
  readonly wanted: Map<string, Set<string>>;
}

/** Encoded resources by key, type and name. */
export class SnapshotCache {
  readonly #contents = new Map<string, Contents>();
  readonly #listeners = new Map<string, Set<ChangeListener>>();
  readonly #wantListeners = new Set<WantListener>();
  /** Changes that are not told yet: a listener may change the cache. */
  readonly #untold: (readonly [key: string, changed: readonly ResourceName[]])[] = [];
  #isTelling = false;

  /**
   * Replaces everything of `key`. A key that was set to nothing differs from one that was never
   * set: its proxies are told that there is nothing.
   */
  set(key: string, resources: Iterable<EncodedResource>, offers: Iterable<ResourceName> = []): void {
    const upserts = [...resources];
    const offered = [...offers];
    const before = this.#contents.get(key);
    const removals = missing(before?.resources, upserts);
    this.apply(key, { upserts, removals, offers: offered, withdrawals: missing(before?.offers, offered) });
  }

  /**
   * Changes some resources of `key`, at a cost that follows the change. A resource with the same
   * version as before is no change.
   */
  apply(key: string, { upserts, removals, offers = [], withdrawals = [] }: SnapshotChange): void {
    const isNew = !this.#contents.has(key);
    const contents = this.#contents.get(key) ?? { resources: new Map(), offers: new Map(), wanted: new Map() };
    this.#contents.set(key, contents);
    const changed: ResourceName[] = [];
    for (const { typeUrl, name } of withdrawals) {
      contents.wanted.get(typeUrl)?.delete(name);
      if (contents.offers.get(typeUrl)?.delete(name) !== true) continue;
      if (!has(contents.resources, typeUrl, name)) changed.push({ typeUrl, name });
    }
    for (const { typeUrl, name } of removals) {
      contents.wanted.get(typeUrl)?.delete(name);
      if (contents.resources.get(typeUrl)?.delete(name) === true) changed.push({ typeUrl, name });
    }
    for (const { typeUrl, name } of offers) {
      if (has(contents.offers, typeUrl, name)) continue;
      add(contents.offers, typeUrl, name);
      if (!has(contents.resources, typeUrl, name)) changed.push({ typeUrl, name });
    }
    for (const resource of upserts) {
      const { typeUrl, name } = resource;
      let byName = contents.resources.get(typeUrl);
      if (byName === undefined) contents.resources.set(typeUrl, (byName = new Map()));
      if (byName.get(name)?.version === resource.version) continue;
      byName.set(name, resource);
      changed.push({ typeUrl, name });
    }
    if (changed.length > 0 || isNew) this.#tell(key, changed);
  }

  /** Forgets `key`. Its proxies keep their resources: to remove those, set the key to nothing. */
  remove(key: string): void {
    const contents = this.#contents.get(key);
    if (contents === undefined) return;
    this.#contents.delete(key);
    this.#tell(key, [...missing(contents.resources, []), ...missing(contents.offers, [])]);
  }

  /**
   * Says that a proxy of `key` waits for names. Those that are coming, and that no proxy of the key
   * waited for before, are told to the listeners.
   */
  want(key: string, names: readonly ResourceName[]): void {
    const contents = this.#contents.get(key);
    if (contents === undefined) return;
    const wanted: ResourceName[] = [];
    for (const { typeUrl, name } of names) {
      if (!this.isComing(key, typeUrl, name) || has(contents.wanted, typeUrl, name)) continue;
      add(contents.wanted, typeUrl, name);
      wanted.push({ typeUrl, name });
    }
    if (wanted.length > 0) for (const listener of this.#wantListeners) listener(key, wanted);
  }

  /**
   * Calls `listener` when names are wanted, until the returned function is called. It may make them
   * before it returns, or later.
   */
  onWanted(listener: WantListener): () => void {
    this.#wantListeners.add(listener);
    return () => void this.#wantListeners.delete(listener);
  }

  /** True from the first set or apply of `key` until it is removed. */
  has(key: string): boolean {
    return this.#contents.has(key);
  }

  /** The resource of that name, if `key` has it. */
  get(key: string, typeUrl: string, name: string): EncodedResource | undefined {
    return this.#contents.get(key)?.resources.get(typeUrl)?.get(name);
  }

  /** True if the name is on offer and not made: its owner makes it when it is wanted. */
  isComing(key: string, typeUrl: string, name: string): boolean {
    const contents = this.#contents.get(key);
    return contents !== undefined && has(contents.offers, typeUrl, name) && !has(contents.resources, typeUrl, name);
  }

  /** The names of all resources of a type. */
  names(key: string, typeUrl: string): Iterable<string> {
    return this.#contents.get(key)?.resources.get(typeUrl)?.keys() ?? [];
  }

  /** The contents of one key, for a session. */
  view(key: string): SnapshotView {
    return {
      ready: () => this.has(key),
      get: (typeUrl, name) => this.get(key, typeUrl, name),
      names: (typeUrl) => this.names(key, typeUrl),
      isComing: (typeUrl, name) => this.isComing(key, typeUrl, name),
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
    this.#untold.push([key, changed]);
    if (this.#isTelling) return;
    this.#isTelling = true;
    try {
      for (let next = this.#untold.shift(); next !== undefined; next = this.#untold.shift()) {
        for (const listener of this.#listeners.get(next[0]) ?? []) listener(next[1]);
      }
    } finally {
      this.#isTelling = false;
    }
  }
}

type Names = ReadonlyMap<string, { has(name: string): boolean; keys(): Iterable<string> }>;

function has(names: Names, typeUrl: string, name: string): boolean {
  return names.get(typeUrl)?.has(name) === true;
}

function add(names: Map<string, Set<string>>, typeUrl: string, name: string): void {
  const ofType = names.get(typeUrl);
  if (ofType === undefined) names.set(typeUrl, new Set([name]));
  else ofType.add(name);
}

/** The names that are not among those kept. */
function missing(names: Names = new Map(), kept: readonly ResourceName[]): readonly ResourceName[] {
  const keptNames = new Map<string, Set<string>>();
  for (const { typeUrl, name } of kept) add(keptNames, typeUrl, name);
  const found: ResourceName[] = [];
  for (const [typeUrl, ofType] of names) {
    for (const name of ofType.keys()) if (!has(keptNames, typeUrl, name)) found.push({ typeUrl, name });
  }
  return found;
}
