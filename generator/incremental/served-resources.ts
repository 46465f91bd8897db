// The resources of one proxy, each with its part, and the changes that the proxy has not been
// served.

import { encodeResource, type EncodedResource, type EnvoyResource } from '../../envoy-api/index.ts';

/** Names one resource of a proxy. */
export interface ResourceKey {
  readonly typeUrl: EncodedResource['typeUrl'];
  readonly name: string;
}

/** The changes for one proxy. */
export interface ResourceChanges {
  readonly upserts: readonly EncodedResource[];
  readonly removals: readonly ResourceKey[];
  /** Resources that are made when a proxy wants them, if they are not made yet. */
  readonly offers: readonly ResourceKey[];
  readonly withdrawals: readonly ResourceKey[];
}

/** The changes of which a part is the result. */
export interface PartAge {
  /** The number of the oldest one that made it dirty. */
  readonly from: number;
  /** The number of the newest one. */
  readonly to: number;
}

/** A resource to be removed, with the age of the part that no longer has it. */
interface Removal {
  readonly resource: EncodedResource;
  readonly age: PartAge;
}

/** The store of one proxy's resources. */
export class ServedResources {
  /** The keys of the resources of each part; no two parts have one in common. */
  readonly #parts = new Map<string, readonly string[]>();
  readonly #resources = new Map<string, EncodedResource>();
  /** Pending changes; a resource is new when the proxy was never served it. */
  readonly #upserts = new Map<string, { readonly resource: EncodedResource; readonly isNew: boolean }>();
  readonly #removals = new Map<string, Removal>();
  /** Pending offers by key, and those that are withdrawn since the change of that number. */
  readonly #offers = new Map<string, ResourceKey>();
  readonly #withdrawals = new Map<string, { readonly offer: ResourceKey; readonly since: number }>();
  /** Whether anything was served, even an empty answer. */
  #isTold = false;

  /** Replaces the resources of a part. */
  replace(part: string, resources: readonly EnvoyResource[], age: PartAge): void {
    const before = this.#parts.get(part) ?? [];
    const after = resources.map((resource) => {
      const key = keyOf(resource);
      this.#upsert(key, encodeResource(resource));
      return key;
    });
    for (const key of before) if (!after.includes(key)) this.#remove(key, age);
    if (after.length === 0) this.#parts.delete(part);
    else this.#parts.set(part, after);
  }

  /** Offers resources, whether they are there or not. */
  offer(offers: readonly ResourceKey[]): void {
    for (const offer of offers) {
      const key = keyOf(offer);
      if (!this.#withdrawals.delete(key)) this.#offers.set(key, offer);
    }
  }

  /** Withdraws offers; `change` is the number of the newest change. */
  withdraw(offers: readonly ResourceKey[], change: number): void {
    for (const offer of offers) {
      const key = keyOf(offer);
      if (!this.#offers.delete(key)) this.#withdrawals.set(key, { offer, since: change });
    }
  }

  /**
   * The changes since the last call that may be served; undefined when there are none. A removal
   * may be served once `settled`, the number of the last change of which every result is computed,
   * has reached the newest change of its part. It waits for removals that follow from the same
   * changes and were computed later: a cluster goes after the routes that named it.
   */
  take(settled: number): ResourceChanges | undefined {
    const upserts = [...this.#upserts.values()].map(({ resource }) => resource);
    this.#upserts.clear();
    const removals: ResourceKey[] = [];
    const waiting = [...this.#removals.values()].filter(({ age }) => age.to > settled);
    const oldest = Math.min(...waiting.map(({ age }) => age.from));
    for (const [key, { resource, age }] of this.#removals) {
      if (age.to > settled || age.to >= oldest) continue;
      this.#removals.delete(key);
      removals.push({ typeUrl: resource.typeUrl, name: resource.name });
    }
    const withdrawals: ResourceKey[] = [];
    for (const [key, { offer, since }] of this.#withdrawals) {
      if (since > settled) continue;
      this.#withdrawals.delete(key);
      withdrawals.push(offer);
    }
    const offers = [...this.#offers.values()];
    this.#offers.clear();
    const count = upserts.length + removals.length + offers.length + withdrawals.length;
    if (this.#isTold && count === 0) return undefined;
    this.#isTold = true;
    return { upserts, removals, offers, withdrawals };
  }

  #upsert(key: string, resource: EncodedResource): void {
    const before = this.#resources.get(key);
    this.#resources.set(key, resource);
    if (before?.version === resource.version) return;
    const isKnown = this.#removals.delete(key) || (before !== undefined && this.#upserts.get(key)?.isNew !== true);
    this.#upserts.set(key, { resource, isNew: !isKnown });
  }

  #remove(key: string, age: PartAge): void {
    const resource = this.#resources.get(key);
    if (resource === undefined) return;
    this.#resources.delete(key);
    const isNew = this.#upserts.get(key)?.isNew === true;
    this.#upserts.delete(key);
    if (!isNew) this.#removals.set(key, { resource, age });
  }
}

function keyOf({ typeUrl, name }: ResourceKey): string {
  return `${typeUrl} ${name}`;
}
