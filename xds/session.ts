// One delta ADS stream as a state machine: requests, changes and one deadline go in, and responses
// come out on demand. It has no clock and no connection. At most one response of each type is
// unanswered. Changes that arrive meanwhile are coalesced: each resource is sent once, in its
// newest version.
//
// The order between types is make before break. Clusters and their endpoints are accepted before
// the resources that name them are sent: routes, extension configurations and listeners of the same
// or a later change. The session removes a resource when everything that may have named it is
// settled. Every change has an epoch, and a resource waits only for older epochs, so that endpoints
// that change all the time do not hold routes back. A client that refuses a resource goes on with
// the version before, and keeps what that version may name. Clusters that nothing names any more
// stay a while, because Envoy abandons the pending requests of a removed cluster, such as the
// question to an external authorizer.

import { type EncodedResource, typeUrls } from '../envoy-api/index.ts';
import type { DeltaRequest, DeltaResponse } from './messages.ts';
import type { ResourceName, SnapshotView } from './snapshot-cache.ts';
import { type Nack, namedOnly, type Outstanding, Subscription } from './subscription.ts';

/** The numbers of one type on one stream. */
export interface TypeStatus {
  readonly wildcard: boolean;
  /** Names asked for; those that a wildcard covers are not counted. */
  readonly subscribed: number;
  readonly acked: number;
  readonly pending: number;
  /** Resources whose newest version the client refused; it goes on with the one before. */
  readonly rejected: readonly string[];
  readonly pushes: number;
  readonly nacks: number;
  readonly lastNack?: Nack;
}

/**
 * SYNCED: the client accepted everything. STALE: something is due or unanswered. REJECTED: it goes
 * on with an older version of something.
 */
export type SyncState = 'SYNCED' | 'STALE' | 'REJECTED';

/**
 * The types that the resources of a type may name; a type is sent after those. Envoy would ask for
 * a missing resource and wait, but not for one that it still has from a listener that it drains. So
 * extension configurations come before listeners too.
 */
const mayName: ReadonlyMap<string, readonly string[]> = new Map([
  [typeUrls.cluster, []],
  [typeUrls.clusterLoadAssignment, []],
  [typeUrls.routeConfiguration, [typeUrls.cluster, typeUrls.clusterLoadAssignment]],
  [typeUrls.extensionConfig, [typeUrls.cluster, typeUrls.clusterLoadAssignment, typeUrls.routeConfiguration]],
  [
    typeUrls.listener,
    [typeUrls.cluster, typeUrls.clusterLoadAssignment, typeUrls.routeConfiguration, typeUrls.extensionConfig],
  ],
]);
const targetTypes: readonly string[] = [typeUrls.cluster, typeUrls.clusterLoadAssignment];

/**
 * The types that may name resources of a type. A cluster names its endpoints, and still is sent
 * first: the client asks for them then.
 */
function namersOf(type: string): readonly string[] {
  const namers = [...mayName].flatMap(([namer, named]) => (named.includes(type) ? [namer] : []));
  return type === typeUrls.clusterLoadAssignment ? [typeUrls.cluster, ...namers] : namers;
}
const namedBy: ReadonlyMap<string, readonly string[]> = new Map(
  [...mayName.keys()].map((type) => [type, namersOf(type)]),
);

/** The current interval may be nearly over when a removal begins to wait. */
const restIntervals = 2;

/** The state of one stream over one snapshot. */
export class Session {
  readonly #view: SnapshotView;
  readonly #subscriptions = new Map<string, Subscription>();
  /**
   * Clusters that were sent before the client asked for their endpoints → the epoch of the change.
   */
  readonly #awaited = new Map<string, number>();
  #epoch = 1;
  #released = 0;
  #nonces = 0;
  /**
   * The client came with resources of an earlier stream, and may not have named all listeners,
   * routes and extensions that it holds.
   */
  #resuming = false;

  constructor(view: SnapshotView) {
    this.#view = view;
  }

  /**
   * Takes a request of the client: an answer to a response, new names, or both. Returns true if it
   * refused the unanswered response.
   */
  request(request: DeltaRequest): boolean {
    const { typeUrl, nonce, error } = request;
    const known = this.#subscriptions.get(typeUrl);
    // This answers another stream; taken for a first request, it would ask for everything.
    if (known === undefined && nonce !== '' && request.subscribe.length === 0) return false;
    const subscription = known ?? new Subscription(typeUrl, this.#view);
    if (known === undefined) this.#subscriptions.set(typeUrl, subscription);
    // Envoy asks for everything that it holds before it answers the first response.
    if (nonce !== '') this.#resuming = false;
    const isNack = error !== undefined && nonce !== '' && subscription.outstanding?.nonce === nonce;
    if (nonce !== '') {
      const refused = subscription.settle(nonce, error);
      if (refused !== undefined && typeUrl === typeUrls.cluster) this.#awaited.delete(refused);
    }
    const at = this.#moment();
    const asked = subscription.update(request, known === undefined, at);
    if (typeUrl === typeUrls.clusterLoadAssignment) {
      for (const name of asked) {
        const since = this.#awaited.get(name);
        if (since === undefined || !subscription.wants(name)) continue;
        // The cluster warms until it gets endpoints, even those that the client has from the
        // cluster before.
        subscription.mark(name, at, true, since);
        this.#awaited.delete(name);
      }
    }
    if (known === undefined && request.initialVersions.size > 0) this.#resuming = true;
    return isNack;
  }

  /** Takes a change of the snapshot: the resources that were added, changed or removed. */
  change(changed: readonly ResourceName[]): void {
    this.#epoch += 1;
    const at = this.#moment();
    for (const { typeUrl, name } of changed) {
      const subscription = this.#subscriptions.get(typeUrl);
      if (subscription?.wants(name) === true) subscription.mark(name, at, false);
    }
  }

  /** Ends the waiting of everything that is held back now. */
  deadline(): void {
    this.#released = this.#epoch;
    this.#epoch += 1;
    this.#resuming = false;
  }

  /**
   * Tells the session that an interval has passed since the last call. A removal waits for a whole
   * interval.
   */
  rest(): void {
    const resting = this.#subscriptions.get(typeUrls.cluster)?.resting;
    for (const [name, intervals] of resting ?? []) if (intervals > 0) resting?.set(name, intervals - 1);
  }

  /** True if a removal waits for its time: then the owner must call rest() later. */
  isResting(): boolean {
    return [...(this.#subscriptions.get(typeUrls.cluster)?.resting.values() ?? [])].some((intervals) => intervals > 0);
  }

  /**
   * The next response to send, which is then noted as sent; undefined if there is nothing to send
   * now.
   */
  next(): DeltaResponse | undefined {
    if (!this.#view.ready()) return undefined;
    for (const subscription of this.#subscriptions.values()) subscription.sortRetries();
    for (const subscription of this.#inOrder()) {
      subscription.held = false;
      if (subscription.outstanding !== undefined) continue;
      const response = this.#compose(subscription);
      if (response !== undefined) return response;
    }
    return undefined;
  }

  /**
   * True if the order of types held something back when next() last found nothing to send: then the
   * owner must call deadline() later.
   */
  isWaiting(): boolean {
    return [...this.#subscriptions.values()].some(({ held }) => held);
  }

  /** How much the client asks for. */
  size(): { readonly types: number; readonly nameCharacters: number } {
    let nameCharacters = 0;
    for (const subscription of this.#subscriptions.values()) nameCharacters += subscription.nameCharacters;
    return { types: this.#subscriptions.size, nameCharacters };
  }

  /** Whether the client has what the snapshot says. */
  syncState(): SyncState {
    const subscriptions = [...this.#subscriptions.values()];
    if (subscriptions.some(({ rejected }) => rejected.size > 0)) return 'REJECTED';
    return this.#view.ready() && subscriptions.every((subscription) => subscription.isSettled()) ? 'SYNCED' : 'STALE';
  }

  /** The numbers of every type that the client asked for, by type URL. */
  status(): ReadonlyMap<string, TypeStatus> {
    const status = new Map<string, TypeStatus>();
    for (const subscription of this.#inOrder()) {
      const { typeUrl, wildcard, names, rejected, pushes, nacks, lastNack } = subscription;
      status.set(typeUrl, {
        wildcard,
        subscribed: names.size,
        acked: subscription.ackedCount(),
        pending: subscription.pendingCount(),
        rejected: [...rejected],
        pushes,
        nacks,
        ...(lastNack === undefined ? {} : { lastNack }),
      });
    }
    return status;
  }

  #compose(subscription: Subscription): DeltaResponse | undefined {
    const { typeUrl } = subscription;
    const retry = subscription.retries.shift();
    if (retry !== undefined) return this.#send(subscription, retry.names, [], retry.first);
    if (subscription.due.size === 0 && !subscription.owesAnswer) return undefined;
    const upsertLimit = this.#oldestNamed(typeUrl);
    const removalLimit = Math.min(upsertLimit, this.#oldestReference(typeUrl));
    const keptSince = this.#oldestRefusal(typeUrl);
    const upserts: string[] = [];
    const removed: string[] = [];
    let first = Infinity;
    for (const [name, mark] of subscription.due) {
      const exists = this.#view.get(typeUrl, name) !== undefined;
      const isTakenAway = !exists && subscription.sent.has(name);
      if (!subscription.differs(name, mark)) {
        subscription.pass(name);
      } else if (isTakenAway && mark.last >= keptSince) {
        // A resource that is refused until it is mended waits for no answer of the client.
      } else if (exists ? mark.last >= upsertLimit : isTakenAway && mark.last >= removalLimit) {
        subscription.held = true;
      } else if (!isTakenAway || !this.#mustRest(subscription, name)) {
        (exists ? upserts : removed).push(name);
        first = Math.min(first, mark.first, subscription.refused.get(name) ?? Infinity);
      }
    }
    // An answer without resources would say that there are none.
    if (subscription.owesAnswer && upserts.length === 0 && subscription.held) return undefined;
    if (upserts.length + removed.length === 0 && !subscription.owesAnswer) return undefined;
    return this.#send(subscription, upserts, removed, first);
  }

  /**
   * Whether the client keeps a resource for now that nothing names any more: a cluster, with its
   * endpoints.
   */
  #mustRest(subscription: Subscription, name: string): boolean {
    const { typeUrl, resting } = subscription;
    if (typeUrl === typeUrls.clusterLoadAssignment) {
      const rests = this.#subscriptions.get(typeUrls.cluster)?.isResting(name) === true;
      if (rests) resting.set(name, 0);
      return rests;
    }
    if (typeUrl !== typeUrls.cluster) return false;
    const intervals = resting.get(name) ?? restIntervals;
    resting.set(name, intervals);
    return intervals > 0;
  }

  #send(
    subscription: Subscription,
    upserts: readonly string[],
    removed: readonly string[],
    first: number,
  ): DeltaResponse {
    const { typeUrl } = subscription;
    const nonce = String((this.#nonces += 1));
    const resources = upserts
      .map((name) => this.#view.get(typeUrl, name))
      .filter((resource): resource is EncodedResource => resource !== undefined);
    const outstanding: Outstanding = { nonce, upserts, removed, first };
    subscription.send(outstanding);
    if (typeUrl === typeUrls.cluster) {
      for (const name of removed) this.#awaited.delete(name);
      for (const name of upserts) this.#expectEndpoints(name, first);
    }
    return { typeUrl, nonce, resources, removed };
  }

  // Envoy makes a new cluster of a changed one, which gets no endpoints from the old one and does
  // not ask again for a name that it already asked for.
  #expectEndpoints(cluster: string, since: number): void {
    if (this.#view.get(typeUrls.clusterLoadAssignment, cluster) === undefined) return;
    const endpoints = this.#subscriptions.get(typeUrls.clusterLoadAssignment);
    if (endpoints?.wants(cluster) === true) endpoints.mark(cluster, this.#moment(), true, since);
    else this.#awaited.set(cluster, since);
  }

  /**
   * The epoch of the oldest change of the types that resources of this type may name: they must
   * wait for it. They do not wait for removals.
   */
  #oldestNamed(typeUrl: string): number {
    const named = mayName.get(typeUrl) ?? [];
    if (named.length === 0) return Infinity;
    if (this.#resuming && !this.#subscriptions.has(typeUrls.clusterLoadAssignment) && this.#hasEndpoints()) return 0;
    let oldest = this.#oldestOf(named, true);
    for (const [name, since] of this.#awaited) {
      const exists = targetTypes.every((type) => this.#view.get(type, name) !== undefined);
      if (exists && since > this.#released) oldest = Math.min(oldest, since);
    }
    return oldest;
  }

  /** Whether the client has clusters with endpoints. */
  #hasEndpoints(): boolean {
    const clusters = this.#subscriptions.get(typeUrls.cluster);
    return [...(clusters?.sent.keys() ?? [])].some(
      (name) =>
        clusters?.rejected.has(name) === false && this.#view.get(typeUrls.clusterLoadAssignment, name) !== undefined,
    );
  }

  /**
   * The epoch of the oldest change of the types that may name resources of this type: removals must
   * wait for it.
   */
  #oldestReference(typeUrl: string): number {
    const types = namedBy.get(typeUrl) ?? [];
    return this.#isResuming(types) ? 0 : this.#oldestOf(types, false);
  }

  /** Whether a client that came back may hold resources of these types that it has not named. */
  #isResuming(types: readonly string[]): boolean {
    if (!this.#resuming) return false;
    // Listeners name the resources that are asked for by name. If nothing of a type is left, the
    // resources that named it are due themselves.
    const isLeft = (type: string): boolean => !namedOnly.has(type) || [...this.#view.names(type)].length > 0;
    return types.some((type) => !this.#subscriptions.has(type) && isLeft(type));
  }

  /**
   * The epoch of the oldest refused change of the types that may name resources of this type: the
   * client goes on with the version before.
   */
  #oldestRefusal(typeUrl: string): number {
    let oldest = Infinity;
    for (const type of namedBy.get(typeUrl) ?? []) {
      oldest = Math.min(oldest, this.#subscriptions.get(type)?.oldestLacking() ?? Infinity);
    }
    return oldest;
  }

  #oldestOf(types: readonly string[], upsertsOnly: boolean): number {
    let oldest = Infinity;
    const consider = (epoch: number): void => {
      if (epoch > this.#released && epoch < oldest) oldest = epoch;
    };
    for (const type of types) {
      const subscription = this.#subscriptions.get(type);
      if (subscription === undefined) continue;
      for (const [name, mark] of subscription.due) {
        const counts = !upsertsOnly || this.#view.get(type, name) !== undefined;
        if (!counts || subscription.isResting(name) || !subscription.differs(name, mark)) continue;
        consider(mark.first);
        consider(subscription.refused.get(name) ?? mark.first);
      }
      for (const { first } of subscription.retries) consider(first);
      const { outstanding } = subscription;
      if (outstanding !== undefined && (!upsertsOnly || outstanding.upserts.length > 0)) consider(outstanding.first);
    }
    return oldest;
  }

  *#inOrder(): Generator<Subscription> {
    for (const type of mayName.keys()) {
      const subscription = this.#subscriptions.get(type);
      if (subscription !== undefined) yield subscription;
    }
    for (const [type, subscription] of this.#subscriptions) if (!mayName.has(type)) yield subscription;
  }

  #moment(): { readonly epoch: number; readonly released: number } {
    return { epoch: this.#epoch, released: this.#released };
  }
}
