// The state of one kind of resource on one stream: the names that the client asked for, the
// versions that it was sent, and what is to be sent. It knows nothing of other kinds: the session
// orders them.

import { typeUrls } from '../envoy-api/index.ts';
import type { DeltaRequest } from './messages.ts';
import { isOfKind, type Kind } from './order.ts';
import type { SnapshotView } from './snapshot-cache.ts';

/** A refusal by the client. */
export interface Nack {
  /** Envoy's own words. */
  readonly message: string;
  /** The resources of the refused response. */
  readonly resources: readonly string[];
}

/** Changes that the client has not accepted, by their epochs. */
export interface Span {
  /** The first of them. */
  readonly first: number;
  /** The first of them that others wait for: the same, until a deadline has passed. */
  readonly since: number;
}

/** The changes of a name that have not been sent. */
export interface Mark extends Span {
  readonly last: number;
  /** Send it even if the client has this version, and say so if it does not exist. */
  readonly force: boolean;
}

/** A response that the client has not answered. */
export interface Outstanding extends Span {
  readonly nonce: string;
  readonly upserts: readonly string[];
  readonly removed: readonly string[];
}

/** Names of a refused response, to be tried in smaller groups until the bad one stands alone. */
export interface Retry extends Span {
  readonly names: readonly string[];
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
 * The state of one kind on one stream. Its size is bounded by the names that the client asked for
 * and those that exist.
 *
 * The session never removes an extension configuration: Envoy drops it with the last filter chain
 * that names it. Until then a chain that comes back finds it, and draining chains get no update.
 */
export class Subscription {
  readonly kind: Kind;
  readonly typeUrl: string;
  readonly names: Set<string> = new Set();
  /** The length of all names that were asked for. */
  nameCharacters = 0;
  wildcard = false;
  /** Name → version that the client was last sent, acknowledged or not. */
  readonly sent: Map<string, string> = new Map();
  readonly due: Map<string, Mark> = new Map();
  /**
   * Names that the client asked for and that are coming: see `SnapshotView.isComing`. Nothing is
   * said of them until they are made, or known to be never.
   */
  readonly coming: Map<string, Mark> = new Map();
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
  /** Something is due but waits for another kind. */
  held = false;
  lastNack: Nack | undefined;
  nacks = 0;
  pushes = 0;
  /** Resources that were sent and never accepted in any version. */
  readonly #unknown = new Set<string>();
  /** Names that began to be waited for since `takeWanted`. */
  #wanted: string[] = [];
  readonly #view: SnapshotView;

  constructor(kind: Kind, view: SnapshotView) {
    this.kind = kind;
    this.typeUrl = kind.typeUrl;
    this.#view = view;
  }

  /** True if the client asked for this name, by itself or with all. */
  wants(name: string): boolean {
    return this.wildcard || this.names.has(name);
  }

  /** Makes a name due, or waits until it is made; `from` is the epoch of the first change. */
  mark(name: string, at: Moment, force: boolean, from: number = at.epoch): void {
    const before = this.due.get(name) ?? this.coming.get(name);
    const mark: Mark = {
      first: Math.min(before?.first ?? from, from),
      since: before !== undefined && before.since > at.released ? Math.min(before.since, from) : from,
      last: Math.max(before?.last ?? 0, at.epoch),
      force: force || before?.force === true,
    };
    if (this.names.has(name) && this.#view.isComing(this.typeUrl, name)) {
      if (!this.coming.has(name)) this.#wanted.push(name);
      this.coming.set(name, mark);
      this.due.delete(name);
    } else {
      this.due.set(name, mark);
      this.coming.delete(name);
    }
  }

  /** The names that the client waits for until somebody makes them, each once. */
  takeWanted(): readonly string[] {
    const wanted = this.#wanted;
    if (wanted.length > 0) this.#wanted = [];
    return wanted;
  }

  /** True if the client accepted a version of a resource, and was not told that it is gone. */
  isHeld(name: string): boolean {
    return this.sent.has(name) && !this.#unknown.has(name);
  }

  /** True if the client goes on with a version of something that is not made yet. */
  holdsComing(): boolean {
    for (const name of this.coming.keys()) if (this.isHeld(name)) return true;
    return false;
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
   * Takes the names of a request, those of this kind; `isFirst` is true for the first of this type
   * on the stream, and `momentOf` the time of the latest change of a name. Returns the names newly
   * asked for.
   */
  update(
    request: DeltaRequest,
    isFirst: boolean,
    at: Moment,
    momentOf: (name: string) => Moment = () => at,
  ): readonly string[] {
    const { unsubscribe, initialVersions } = request;
    const subscribe = request.subscribe.map((name) => this.#own(name));
    const all = subscribe.includes('*');
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
      for (const name of this.#view.names(this.typeUrl)) if (isOfKind(this.kind, name)) this.mark(name, at, false);
    }
    const asked = subscribe.filter((name) => name !== '*');
    for (const name of asked) {
      if (!this.names.has(name)) this.nameCharacters += name.length;
      this.names.add(name);
      this.mark(name, momentOf(name), !(isFirst && initialVersions.has(name)));
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
      if (half.length > 0) this.retries.unshift({ names: half, first: answered.first, since: answered.since });
    }
    return undefined;
  }

  /**
   * Keeps in the groups that are tried again only resources that are unchanged since the refusal.
   */
  sortRetries(): void {
    for (const { names, ...span } of this.retries.splice(0)) {
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
      if (unchanged.length > 0) this.retries.push({ names: unchanged, ...span });
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
   * The epoch of the oldest question after `released` for a name of which the client has no
   * version.
   */
  oldestQuestion(released: number): number {
    let oldest = Infinity;
    const consider = ({ since }: Span): void => {
      if (since > released && since < oldest) oldest = since;
    };
    for (const asked of [this.coming, this.due]) {
      for (const [name, mark] of asked) if (!this.sent.has(name)) consider(mark);
    }
    const { outstanding } = this;
    const isFirstAnswer = (name: string): boolean => this.#unknown.has(name);
    if (outstanding !== undefined && (outstanding.removed.length > 0 || outstanding.upserts.some(isFirstAnswer))) {
      consider(outstanding);
    }
    return oldest;
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
    count += this.coming.size;
    for (const [name, mark] of this.due) if (this.differs(name, mark) && !this.isResting(name)) count += 1;
    return count;
  }

  /** True if nothing is under way and nothing to be sent. */
  isSettled(): boolean {
    return this.outstanding === undefined && this.pendingCount() === 0;
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
    this.coming.delete(name);
    this.rejected.delete(name);
  }
}
