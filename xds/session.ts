// One delta ADS stream as a state machine: requests, changes and one deadline go in, and responses
// come out on demand. It has no clock and no connection. At most one response of each kind is
// unanswered. Changes that arrive meanwhile are coalesced: each resource is sent once, in its
// newest version.
//
// The order between kinds is make before break; `order.ts` says which kind may name which. A
// resource is sent when everything that it names, of the same or an earlier change, is accepted.
// The session removes a resource when everything that may have named it is settled. Every change
// has an epoch, and a resource waits only for older epochs, so that endpoints that change all the
// time do not hold routes back, and a tunnel does not wait for those that were dialled after it. A
// client that refuses a resource goes on with the version before, and keeps what that version may
// name; so does one that came back with routes of tunnels that are not made again yet. Clusters
// that nothing names any more stay a while, because Envoy abandons the pending requests of a
// removed cluster, such as the question to an external authorizer.

import type { EncodedResource } from '../envoy-api/index.ts';
import { Expectations } from './expectations.ts';
import type { DeltaRequest, DeltaResponse } from './messages.ts';
import { closedRoutes, isOfKind, type Kind, kinds, kindsOf, ordered } from './order.ts';
import { earliest, Precedence, type RemovalLimits } from './precedence.ts';
import type { ResourceName, SnapshotView } from './snapshot-cache.ts';
import {
  type Mark,
  type Moment,
  type Nack,
  namedOnly,
  type Outstanding,
  type Span,
  Subscription,
} from './subscription.ts';

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

/** One type on one stream. */
interface TypeState {
  /** For each of its kinds. */
  readonly subscriptions: readonly Subscription[];
  /** The client waits for a first answer, even an empty one. */
  owesAnswer: boolean;
  lastNack: Nack | undefined;
}

const nothing: Span = { first: Infinity, since: Infinity };
/** The current interval may be nearly over when a removal begins to wait. */
const restIntervals = 2;

/** The state of one stream over one snapshot. */
export class Session {
  readonly #view: SnapshotView;
  readonly #types = new Map<string, TypeState>();
  readonly #subscriptions = new Map<Kind, Subscription>();
  readonly #expectations: Expectations;
  readonly #precedence: Precedence;
  #epoch = 1;
  #nonces = 0;

  constructor(view: SnapshotView) {
    this.#view = view;
    this.#expectations = new Expectations(view, this.#subscriptions);
    this.#precedence = new Precedence(view, this.#subscriptions, this.#expectations);
  }

  /**
   * Takes a request of the client: an answer to a response, new names, or both. Returns true if it
   * refused the unanswered response.
   */
  request(request: DeltaRequest): boolean {
    const { typeUrl, nonce, error } = request;
    const known = this.#types.get(typeUrl);
    // This answers another stream; taken for a first request, it would ask for everything.
    if (known === undefined && nonce !== '' && request.subscribe.length === 0) return false;
    const type = known ?? this.#open(typeUrl);
    // Envoy asks for everything that it holds before it answers the first response.
    if (nonce !== '') this.#precedence.isResuming = false;
    const isNack = nonce !== '' && this.#settle(type, nonce, error);
    const isFirst = known === undefined;
    const asksForAll = isFirst && request.subscribe.length === 0 && !namedOnly.has(typeUrl);
    const isPartial = !type.subscriptions.some(({ wildcard }) => wildcard);
    for (const subscription of type.subscriptions) {
      this.#update(subscription, asksForAll ? { ...request, subscribe: ['*'] } : request, isFirst);
    }
    const hasAll = type.subscriptions.some(({ wildcard }) => wildcard);
    if (!hasAll) type.owesAnswer = false;
    else if (isPartial) type.owesAnswer = type.subscriptions.every(({ sent }) => sent.size === 0);
    if (isFirst && request.initialVersions.size > 0) this.#precedence.isResuming = true;
    return isNack;
  }

  /**
   * Takes a change of the snapshot: the resources that were added, changed or removed, and names
   * that began or ceased to be coming.
   */
  change(changed: readonly ResourceName[]): void {
    this.#epoch += 1;
    const at = this.#moment();
    for (const { typeUrl, name } of changed) {
      const subscription = this.#types.get(typeUrl)?.subscriptions.find(({ kind }) => isOfKind(kind, name));
      if (subscription?.wants(name) === true) subscription.mark(name, at, false);
      else this.#expectations.change(typeUrl, name, at);
    }
  }

  /**
   * The names that the client began to wait for since the last call, and that somebody has to make.
   */
  takeWanted(): readonly ResourceName[] {
    const wanted: ResourceName[] = [];
    for (const subscription of this.#all()) {
      for (const name of subscription.takeWanted()) wanted.push({ typeUrl: subscription.typeUrl, name });
    }
    return wanted;
  }

  /**
   * Ends the waiting of everything that is held back now. Nothing is removed by it that the client
   * may still use: a removal waits for answers to responses that were sent.
   */
  deadline(): void {
    this.#precedence.released = this.#epoch;
    this.#precedence.isResuming = false;
    this.#epoch += 1;
  }

  /**
   * Tells the session that an interval has passed since the last call. A removal waits for a whole
   * interval.
   */
  rest(): void {
    const resting = this.#subscriptions.get(kinds.cluster)?.resting;
    for (const [name, intervals] of resting ?? []) if (intervals > 0) resting?.set(name, intervals - 1);
  }

  /** True if a removal waits for its time: then the owner must call rest() later. */
  isResting(): boolean {
    return [...(this.#subscriptions.get(kinds.cluster)?.resting.values() ?? [])].some((intervals) => intervals > 0);
  }

  /**
   * The next response to send, which is then noted as sent; undefined if there is nothing to send
   * now.
   */
  next(): DeltaResponse | undefined {
    if (!this.#view.ready()) return undefined;
    for (const subscription of this.#all()) subscription.sortRetries();
    for (const subscription of this.#inOrder()) {
      subscription.held = false;
      if (subscription.outstanding !== undefined) continue;
      const response = this.#compose(subscription) ?? this.#sayNothing(subscription);
      if (response !== undefined) return response;
    }
    return undefined;
  }

  /**
   * True if the order of kinds held something back when next() last found nothing to send: then the
   * owner must call deadline() later.
   */
  isWaiting(): boolean {
    return [...this.#all()].some(({ held }) => held);
  }

  /** How much the client asks for. */
  size(): { readonly types: number; readonly nameCharacters: number } {
    let nameCharacters = 0;
    for (const subscription of this.#all()) nameCharacters += subscription.nameCharacters;
    return { types: this.#types.size, nameCharacters };
  }

  /** Whether the client has what the snapshot says. */
  syncState(): SyncState {
    const subscriptions = [...this.#all()];
    if (subscriptions.some(({ rejected }) => rejected.size > 0)) return 'REJECTED';
    const isAnswered = [...this.#types.values()].every(({ owesAnswer }) => !owesAnswer);
    const isSettled = this.#view.ready() && isAnswered && subscriptions.every((each) => each.isSettled());
    return isSettled ? 'SYNCED' : 'STALE';
  }

  /** The numbers of every type that the client asked for, by type URL. */
  status(): ReadonlyMap<string, TypeStatus> {
    const status = new Map<string, TypeStatus>();
    for (const { typeUrl } of this.#inOrder()) {
      const type = this.#types.get(typeUrl);
      if (type !== undefined && !status.has(typeUrl)) status.set(typeUrl, typeStatus(type));
    }
    return status;
  }

  #open(typeUrl: string): TypeState {
    const subscriptions = kindsOf(typeUrl).map((kind) => new Subscription(kind, this.#view));
    for (const subscription of subscriptions) this.#subscriptions.set(subscription.kind, subscription);
    const type: TypeState = { subscriptions, owesAnswer: false, lastNack: undefined };
    this.#types.set(typeUrl, type);
    return type;
  }

  /** Takes the client's answer. Returns true if it refused the unanswered response. */
  #settle(type: TypeState, nonce: string, error: string | undefined): boolean {
    const subscription = type.subscriptions.find(({ outstanding }) => outstanding?.nonce === nonce);
    if (subscription === undefined) return false;
    const refused = subscription.settle(nonce, error);
    if (refused !== undefined && !subscription.isHeld(refused)) this.#expectations.drop(subscription.kind, refused);
    if (error === undefined) return false;
    type.lastNack = subscription.lastNack;
    return true;
  }

  #update(subscription: Subscription, request: DeltaRequest, isFirst: boolean): void {
    const part = partOf(request, subscription.kind);
    const at = this.#moment();
    const momentOf = (name: string): Moment => this.#expectations.momentOf(subscription.kind, name, at);
    for (const name of subscription.update(part, isFirst, at, momentOf))
      this.#expectations.meet(subscription, name, at);
    for (const name of part.unsubscribe) this.#expectations.renew(subscription.kind, name, at);
  }

  #compose(subscription: Subscription): DeltaResponse | undefined {
    const { typeUrl } = subscription;
    const retry = subscription.retries.shift();
    if (retry !== undefined) return this.#send(subscription, retry.names, [], retry);
    if (subscription.due.size === 0) return undefined;
    const mayGo = this.#gate(subscription);
    const upserts: string[] = [];
    const removed: string[] = [];
    let span = nothing;
    for (const [name, mark] of subscription.due) {
      if (!subscription.differs(name, mark)) {
        subscription.pass(name);
      } else if (mayGo(name, mark)) {
        (this.#view.get(typeUrl, name) === undefined ? removed : upserts).push(name);
        span = earliest(span, mark, this.#precedence.refusal(subscription, name));
      }
    }
    return upserts.length + removed.length === 0 ? undefined : this.#send(subscription, upserts, removed, span);
  }

  /** Says whether a name that is due may be sent or removed now; notes what is held back. */
  #gate(subscription: Subscription): (name: string, mark: Mark) => boolean {
    const { kind, typeUrl, sent } = subscription;
    const upsertLimit = this.#precedence.upsertLimit(kind);
    const changeLimit = this.#precedence.changeLimit(kind);
    let removals: RemovalLimits | undefined;
    return (name, { last }) => {
      const exists = this.#view.get(typeUrl, name) !== undefined;
      const isHeldBack = last >= (sent.has(name) ? Math.min(upsertLimit, changeLimit) : upsertLimit);
      if (exists) subscription.held ||= isHeldBack;
      if (exists || !sent.has(name)) return !exists || !isHeldBack;
      removals ??= this.#precedence.removalLimits(kind);
      // A resource that is refused until it is mended waits for no answer of the client.
      if (last >= removals.kept) return false;
      subscription.held ||= isHeldBack || removals.isResuming;
      if (isHeldBack || removals.isResuming || last >= removals.settled) return false;
      return !this.#mustRest(subscription, name);
    };
  }

  /**
   * An answer without resources says that there are none: once, when the client asked for all, and
   * nothing of the type waits for anything.
   */
  #sayNothing(subscription: Subscription): DeltaResponse | undefined {
    const type = this.#types.get(subscription.typeUrl);
    if (type?.owesAnswer !== true || subscription !== type.subscriptions.at(-1)) return undefined;
    const isBusy = type.subscriptions.some(({ held, outstanding }) => held || outstanding !== undefined);
    return isBusy ? undefined : this.#send(subscription, [], [], nothing);
  }

  /**
   * Whether the client keeps a resource for now that nothing names any more: a cluster, with its
   * endpoints.
   */
  #mustRest({ kind, resting }: Subscription, name: string): boolean {
    if (kind === kinds.endpoints) {
      const rests = this.#subscriptions.get(kinds.cluster)?.isResting(name) === true;
      if (rests) resting.set(name, 0);
      return rests;
    }
    if (kind !== kinds.cluster) return false;
    const intervals = resting.get(name) ?? restIntervals;
    resting.set(name, intervals);
    return intervals > 0;
  }

  #send(
    subscription: Subscription,
    upserts: readonly string[],
    removed: readonly string[],
    { first, since }: Span,
  ): DeltaResponse {
    const { kind, typeUrl } = subscription;
    const nonce = String((this.#nonces += 1));
    const resources = upserts
      .map((name) => this.#view.get(typeUrl, name))
      .filter((resource): resource is EncodedResource => resource !== undefined);
    const outstanding: Outstanding = { nonce, upserts, removed, first, since };
    subscription.send(outstanding);
    const type = this.#types.get(typeUrl);
    if (type !== undefined) type.owesAnswer = false;
    for (const name of removed) this.#expectations.drop(kind, name);
    for (const name of upserts) this.#expectations.expect(kind, name, this.#moment(), since);
    // Envoy ignores the removal of routes, and a tunnel that waits for them would wait on.
    return kind === kinds.tunnelRoutes
      ? { typeUrl, nonce, resources: [...resources, ...removed.map(closedRoutes)], removed: [] }
      : { typeUrl, nonce, resources, removed };
  }

  *#all(): Generator<Subscription> {
    for (const { subscriptions } of this.#types.values()) yield* subscriptions;
  }

  *#inOrder(): Generator<Subscription> {
    for (const kind of ordered) {
      const subscription = this.#subscriptions.get(kind);
      if (subscription !== undefined) yield subscription;
    }
    for (const subscription of this.#all()) if (!ordered.includes(subscription.kind)) yield subscription;
  }

  #moment(): Moment {
    return { epoch: this.#epoch, released: this.#precedence.released };
  }
}

/** The names of a request that are of one kind. */
function partOf(request: DeltaRequest, kind: Kind): DeltaRequest {
  if (kind.isOfTunnels === undefined) return request;
  const isPart = (name: string): boolean => name === '*' || isOfKind(kind, name);
  return {
    ...request,
    subscribe: request.subscribe.filter(isPart),
    unsubscribe: request.unsubscribe.filter(isPart),
    initialVersions: new Map([...request.initialVersions].filter(([name]) => isPart(name))),
  };
}

function typeStatus({ subscriptions, lastNack }: TypeState): TypeStatus {
  const sum = (count: (subscription: Subscription) => number): number =>
    subscriptions.reduce((total, subscription) => total + count(subscription), 0);
  return {
    wildcard: subscriptions.some(({ wildcard }) => wildcard),
    subscribed: sum(({ names }) => names.size),
    acked: sum((subscription) => subscription.ackedCount()),
    pending: sum((subscription) => subscription.pendingCount()),
    rejected: subscriptions.flatMap(({ rejected }) => [...rejected]),
    pushes: sum(({ pushes }) => pushes),
    nacks: sum(({ nacks }) => nacks),
    ...(lastNack === undefined ? {} : { lastNack }),
  };
}
