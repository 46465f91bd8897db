// The state of one resource type on one stream: the names that the client asked for, the versions
// that it was sent, and what is to be sent. It knows nothing of other types: the session orders the
// types.

import { typeUrls } from '../envoy-api/index.ts';
import type { DeltaRequest } from './messages.ts';
import type { SnapshotView } from './snapshot-cache.ts';

/** A refusal by the client. */
export interface Nack {
  /** Envoy's own words. */
  readonly message: string;
  /** The resources of the refused response. */
  readonly resources: readonly string[];
}

/**
 * When a name became due: the epochs of the first and of the latest change that has not been sent.
 */
export interface Mark {
  readonly first: number;
  readonly last: number;
  /** Send it even if the client has this version, and say so if it does not exist. */
  readonly force: boolean;
}

/** A response that the client has not answered. */
export interface Outstanding {
  readonly nonce: string;
  readonly upserts: readonly string[];
  readonly removed: readonly string[];
  /** The earliest change that it carries. */
  readonly first: number;
}

/** Names of a refused response, to be tried in smaller groups until the bad one stands alone. */
export interface Retry {
  readonly names: readonly string[];
  readonly first: number;
}

/**
 * The session's state now: `released` is the last epoch whose changes hold nothing back any more.
 */
export interface Moment {
  readonly epoch: number;
  readonly released: number;
}

/**
 * These are only ever asked for by name; a first request without names is then a request for
 * nothing.
 */
export const namedOnly: ReadonlySet<string> = new Set([
  typeUrls.clusterLoadAssignment,
  typeUrls.routeConfiguration,
  typeUrls.secret,
  typeUrls.extensionConfig,
]);

/**
 * The state of one type on one stream. Its size is bounded by the names that the client asked for
 * and those that exist.
 *
 * The session never removes an extension configuration: Envoy drops it with the last filter chain
 * that names it. Until then a chain that comes back finds it, and draining chains get no update.
 */
export class Subscription {
  readonly typeUrl: string;
  readonly names: Set<string> = new Set();
  /** The length of all names that were asked for. */
  nameCharacters = 0;
  wildcard = false;
  /** The client waits for a first answer, even an empty one. */
  owesAnswer = false;
  /** Name → version that the client was last sent, acknowledged or not. */
  readonly sent: Map<string, string> = new Map();
  readonly due: Map<string, Mark> = new Map();
  readonly retries: Retry[] = [];
  /** Resources whose current version was refused when it came alone. */
  readonly rejected: Set<string> = new Set();
  /**
   * Resources whose newest answered version was refused → the epoch of the first change that the
   * client lacks.
   */
  readonly refused: Map<string, number> = new Map();
  /**
   * Resources that may be removed, and stay until the client's pending requests to them are over →
   * the remaining intervals.
   */
  readonly resting: Map<string, number> = new Map();
  outstanding: Outstanding | undefined;
  /** Something is due but waits for another type. */
  held = false;
  lastNack: Nack | undefined;
  nacks = 0;
  pushes = 0;
  /** Resources that were sent and never accepted in any version. */
  readonly #unknown = new Set<string>();
  readonly #view: SnapshotView;

  constructor(typeUrl: string, view: SnapshotView) {
    this.typeUrl = typeUrl;
    this.#view = view;
  }

  /** True if the client asked for this name, by itself or with all. */
  wants(name: string): boolean {
    return this.wildcard || this.names.has(name);
  }

  /** Makes a name due. */
  mark(name: string, at: Moment, force: boolean, since: number = at.epoch): void {
    const before = this.due.get(name);
    const earlier = before !== undefined && before.first > at.released ? before.first : since;
    this.due.set(name, { first: Math.min(earlier, since), last: at.epoch, force: force || before?.force === true });
  }

  /** True if this name is to be removed, and waits only for its time. */
  isResting(name: string): boolean {
    return this.resting.has(name) && this.#view.get(this.typeUrl, name) === undefined;
  }

  /** True if the resource is gone, and the client is not told: an extension configuration. */
  isLeft(name: string): boolean {
    return this.typeUrl === typeUrls.extensionConfig && this.#view.get(this.typeUrl, name) === undefined;
  }

  /** True if a response with this name would tell the client something that it should know. */
  differs(name: string, mark: Mark): boolean {
    if (mark.force) return true;
    return !this.isLeft(name) && this.sent.get(name) !== this.#view.get(this.typeUrl, name)?.version;
  }

  /**
   * Takes the names of a request; `isFirst` is true for the first of this type on the stream.
   * Returns the names newly asked for.
   */
  update(request: DeltaRequest, isFirst: boolean, at: Moment): readonly string[] {
    const { unsubscribe, initialVersions } = request;
    const subscribe = request.subscribe.map((name) => this.#own(name));
    const all = subscribe.includes('*') || (isFirst && subscribe.length === 0 && !namedOnly.has(this.typeUrl));
    if (isFirst) {
      const explicit = new Set(subscribe);
      for (const [name, version] of initialVersions) {
        if (!all && !explicit.has(name)) continue;
        const resource = this.#view.get(this.typeUrl, name);
        const known = resource?.name ?? name;
        this.sent.set(known, resource?.version === version ? resource.version : version);
        this.mark(known, at, false);
      }
    }
    if (all && !this.wildcard) {
      this.wildcard = true;
      this.owesAnswer = this.sent.size === 0;
      for (const name of this.#view.names(this.typeUrl)) this.mark(name, at, false);
    }
    const asked = subscribe.filter((name) => name !== '*');
    for (const name of asked) {
      if (!this.names.has(name)) this.nameCharacters += name.length;
      this.names.add(name);
      this.mark(name, at, !(isFirst && initialVersions.has(name)));
    }
    for (const name of unsubscribe) {
      if (name === '*') this.#leaveWildcard();
      else if (this.names.delete(name)) {
        this.nameCharacters -= name.length;
        // The protocol requires that the client is told again about such a name, even if it has
        // all.
        if (this.wildcard) this.mark(name, at, true);
        else this.#forget(name);
      }
    }
    return asked;
  }

  /**
   * Takes the client's answer; one with a stale nonce is ignored. Returns the resource that is now
   * known to be refused, if there is one.
   */
  settle(nonce: string, error: string | undefined): string | undefined {
    const answered = this.outstanding;
    if (answered === undefined || answered.nonce !== nonce) return undefined;
    this.outstanding = undefined;
    const names = answered.upserts;
    if (error !== undefined) for (const name of names) if (this.isLeft(name)) this.#forget(name);
    if (error === undefined) {
      for (const name of names) {
        this.#unknown.delete(name);
        this.refused.delete(name);
      }
      return undefined;
    }
    this.nacks += 1;
    for (const name of names) {
      if (this.sent.has(name)) this.refused.set(name, Math.min(answered.first, this.refused.get(name) ?? Infinity));
    }
    this.lastNack = { message: error, resources: names.length > 0 ? names : answered.removed };
    const [only] = names;
    if (names.length === 1 && only !== undefined) {
      if (this.sent.has(only)) this.rejected.add(only);
      return only;
    }
    // Envoy may have stopped at the bad resource and dropped those after it.
    const middle = Math.ceil(names.length / 2);
    for (const half of [names.slice(middle), names.slice(0, middle)]) {
      if (half.length > 0) this.retries.unshift({ names: half, first: answered.first });
    }
    return undefined;
  }

  /**
   * Keeps in the groups that are tried again only resources that are unchanged since the refusal.
   */
  sortRetries(): void {
    for (const { names, first } of this.retries.splice(0)) {
      const unchanged: string[] = [];
      for (const name of names) {
        const mark = this.due.get(name);
        if (mark === undefined || !this.differs(name, mark)) {
          if (this.sent.has(name) && this.#view.get(this.typeUrl, name) !== undefined) unchanged.push(name);
        } else {
          // The client may or may not have it, so every later version is sent, even the one that
          // was refused together with others.
          this.due.set(name, { ...mark, force: true });
        }
      }
      if (unchanged.length > 0) this.retries.push({ names: unchanged, first });
    }
  }

  /**
   * Notes that nothing is to be sent of a name. If the client refused it before it was gone, nobody
   * knows which version the client has.
   */
  pass(name: string): void {
    if (this.isLeft(name) && this.refused.has(name)) this.#forget(name);
    else {
      this.due.delete(name);
      this.resting.delete(name);
    }
  }

  /** Notes that a response was sent. */
  send(outstanding: Outstanding): void {
    this.outstanding = outstanding;
    this.owesAnswer = false;
    this.pushes += 1;
    for (const name of outstanding.upserts) {
      const version = this.#view.get(this.typeUrl, name)?.version;
      if (!this.sent.has(name)) this.#unknown.add(name);
      if (version !== undefined) this.sent.set(name, version);
      this.#clear(name);
    }
    for (const name of outstanding.removed) this.#forget(name);
  }

  /**
   * The epoch of the oldest change that the client lacks among resources whose older version it
   * keeps.
   */
  oldestLacking(): number {
    let oldest = Infinity;
    for (const [name, since] of this.refused) if (!this.#unknown.has(name)) oldest = Math.min(oldest, since);
    return oldest;
  }

  /**
   * The number of resources that the client has accepted in the version that it was last sent. It
   * is read after every answer, so it counts only the others.
   */
  ackedCount(): number {
    const { rejected, outstanding, retries } = this;
    const open = new Set([...rejected, ...(outstanding?.upserts ?? []), ...retries.flatMap(({ names }) => names)]);
    let count = this.sent.size;
    for (const name of open) if (this.sent.has(name)) count -= 1;
    return count;
  }

  /** How many resources are due, under way or to be tried again. */
  pendingCount(): number {
    let count = this.outstanding === undefined ? 0 : this.outstanding.upserts.length + this.outstanding.removed.length;
    for (const { names } of this.retries) count += names.length;
    for (const [name, mark] of this.due) if (this.differs(name, mark) && !this.isResting(name)) count += 1;
    return count;
  }

  /** True if nothing is under way and nothing to be sent. */
  isSettled(): boolean {
    return this.outstanding === undefined && !this.owesAnswer && this.pendingCount() === 0;
  }

  /**
   * The text of a name as the snapshot has it, so that a thousand proxies that ask for the same
   * names do not hold a thousand copies.
   */
  #own(name: string): string {
    return this.#view.get(this.typeUrl, name)?.name ?? name;
  }

  #leaveWildcard(): void {
    this.wildcard = false;
    this.owesAnswer = false;
    for (const name of [...this.sent.keys(), ...this.due.keys()]) if (!this.names.has(name)) this.#forget(name);
  }

  #forget(name: string): void {
    this.sent.delete(name);
    this.#unknown.delete(name);
    this.refused.delete(name);
    this.#clear(name);
  }

  #clear(name: string): void {
    this.resting.delete(name);
    this.due.delete(name);
    this.rejected.delete(name);
  }
}
