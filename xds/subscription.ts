// What one stream knows about one resource type: what the client asked for, what it was sent, what is to be sent.
// It knows nothing of other types; the order between types is the session's business.

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

/** When a name became due: the epochs of the first and of the latest change that has not been sent. */
export interface Mark {
  readonly first: number;
  readonly last: number;
  /** Send it even if the client has this version, and say so if there is none. */
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

/** What the session says about now: `released` is the last epoch whose changes hold back nothing any more. */
export interface Moment {
  readonly epoch: number;
  readonly released: number;
}

/** These are only ever asked for by name; a first request without names is then a request for nothing. */
export const namedOnly: ReadonlySet<string> = new Set([
  typeUrls.clusterLoadAssignment,
  typeUrls.routeConfiguration,
  typeUrls.secret,
  typeUrls.extensionConfig,
]);

/** The state of one type on one stream. Its size is bounded by the names that the client asked for and those that exist. */
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
  /** Resources whose newest answered version was refused → the epoch of the first change that the client lacks. */
  readonly refused: Map<string, number> = new Map();
  /** What may be taken away, and is left to the client until what it has begun with it is over → the intervals that this takes still. */
  readonly resting: Map<string, number> = new Map();
  outstanding: Outstanding | undefined;
  /** Something is due but waits for another type. */
  held = false;
  lastNack: Nack | undefined;
  nacks = 0;
  pushes = 0;
  /** What was sent and never accepted in any version. */
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

  /** True if this name is to be taken away, and only time is waited for. */
  isResting(name: string): boolean {
    return this.resting.has(name) && this.#view.get(this.typeUrl, name) === undefined;
  }

  /** True if sending this name would tell the client something. */
  differs(name: string, mark: Mark): boolean {
    return mark.force || this.sent.get(name) !== this.#view.get(this.typeUrl, name)?.version;
  }

  /** Takes the names of a request; `isFirst` is true for the first of this type on the stream. Returns the names newly asked for. */
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
        // The protocol wants to be told again what such a name is to a client that still has all.
        if (this.wildcard) this.mark(name, at, true);
        else this.#forget(name);
      }
    }
    return asked;
  }

  /** Takes the client's answer. A stale nonce answers nothing. Returns the resource that is now known to be refused, if one is. */
  settle(nonce: string, error: string | undefined): string | undefined {
    const answered = this.outstanding;
    if (answered === undefined || answered.nonce !== nonce) return undefined;
    this.outstanding = undefined;
    const names = answered.upserts;
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

  /** Leaves in the groups that are tried again what is as it was when it was refused. */
  sortRetries(): void {
    for (const { names, first } of this.retries.splice(0)) {
      const unchanged: string[] = [];
      for (const name of names) {
        const mark = this.due.get(name);
        if (mark === undefined || !this.differs(name, mark)) {
          if (this.sent.has(name) && this.#view.get(this.typeUrl, name) !== undefined) unchanged.push(name);
        } else {
          // The client may or may not have it: whatever becomes of it is sent, even if that is what was refused with others.
          this.due.set(name, { ...mark, force: true });
        }
      }
      if (unchanged.length > 0) this.retries.push({ names: unchanged, first });
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

  /** The epoch of the oldest change that the client lacks of a resource of which it goes on with an older version. */
  oldestLacking(): number {
    let oldest = Infinity;
    for (const [name, since] of this.refused) if (!this.#unknown.has(name)) oldest = Math.min(oldest, since);
    return oldest;
  }

  /** How many resources the client has accepted in the version it was last sent. Asked after every answer, so it looks at the others only. */
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

  /** The text of a name as the snapshot has it: a thousand proxies that ask for the same names do not keep a thousand copies. */
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
