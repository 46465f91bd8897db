// The conditions for sending or removing a resource: the epochs of changes that the client has
// not accepted.

import { typeUrls } from '../envoy-api/index.ts';
import type { Expectations } from './expectations.ts';
import { type Kind, kinds, namersOf } from './order.ts';
import type { SnapshotView } from './snapshot-cache.ts';
import type { Span, Subscription } from './subscription.ts';

/** The conditions for removals of a kind. */
export interface RemovalLimits {
  /** A client that came back may hold resources that name one, and has not named them. */
  readonly isResuming: boolean;
  /** Changes of this epoch and later wait until those that may name one are answered. */
  readonly settled: number;
  /**
   * Changes of this epoch and later wait, however long, because the client goes on with older
   * versions.
   */
  readonly kept: number;
}

/** The limits of one stream. */
export class Precedence {
  /** The last epoch whose changes hold no others back, because a deadline has passed. */
  released = 0;
  /**
   * The client came with resources of an earlier stream, and may not have named all listeners,
   * scopes, routes and extensions that it holds.
   */
  isResuming = false;
  readonly #view: SnapshotView;
  readonly #subscriptions: ReadonlyMap<Kind, Subscription>;
  readonly #expectations: Expectations;

  constructor(view: SnapshotView, subscriptions: ReadonlyMap<Kind, Subscription>, expectations: Expectations) {
    this.#view = view;
    this.#subscriptions = subscriptions;
    this.#expectations = expectations;
  }

  /**
   * The epoch of the oldest change of the kinds that resources of this kind may name: they must
   * wait for it. They do not wait for removals.
   */
  upsertLimit({ after }: Kind): number {
    if (after.length === 0) return Infinity;
    if (this.isResuming && this.#mayLackNames(after)) return 0;
    return Math.min(this.#oldestOf(after, true), this.#expectations.oldest(after, this.released));
  }

  /**
   * The epoch after the oldest question for what resources of this kind lead to. Those that the
   * client has change after it is answered: Envoy would never end its waiting.
   */
  changeLimit({ asksFor }: Kind): number {
    if (asksFor === undefined || asksFor.isAtOnce) return Infinity;
    return (this.#subscriptions.get(asksFor.kind)?.oldestQuestion(this.released) ?? Infinity) + 1;
  }

  /** The limits of removals. */
  removalLimits(kind: Kind): RemovalLimits {
    const namers = namersOf.get(kind) ?? [];
    return {
      isResuming: this.isResuming && namers.some((namer) => this.#mayHold(namer)),
      settled: this.#oldestOf(namers, false),
      kept: this.#oldestLacking(namers),
    };
  }

  /** The refusal of a name that is older than its change. */
  refusal({ refused }: Subscription, name: string): Span {
    const first = refused.get(name) ?? Infinity;
    return { first, since: first > this.released ? first : Infinity };
  }

  /**
   * Whether a client that came back may not have asked for what its clusters and scopes lead to.
   */
  #mayLackNames(named: readonly Kind[]): boolean {
    if (!this.#subscriptions.has(kinds.endpoints) && this.#hasEndpoints()) return true;
    const needsScopes = named.includes(kinds.requestScope) && this.#hasAny(typeUrls.scopedRoute);
    return needsScopes && !this.#subscriptions.has(kinds.requestScope);
  }

  /** Whether the client has clusters with endpoints. */
  #hasEndpoints(): boolean {
    const clusters = this.#subscriptions.get(kinds.cluster);
    return [...(clusters?.sent.keys() ?? [])].some(
      (name) =>
        clusters?.rejected.has(name) === false && this.#view.get(typeUrls.clusterLoadAssignment, name) !== undefined,
    );
  }

  /**
   * Whether a client that came back may hold resources of this kind that it has not named.
   * Listeners name the resources that are asked for by name, and scopes name routes. If nothing of
   * a type is left, the resources that named it are due themselves.
   */
  #mayHold(kind: Kind): boolean {
    if (this.#subscriptions.has(kind)) return false;
    const { typeUrl } = kind;
    if (typeUrl === typeUrls.listener || typeUrl === typeUrls.cluster || this.#hasAny(typeUrl)) return true;
    return typeUrl === typeUrls.routeConfiguration && this.#hasAny(typeUrls.scopedRoute);
  }

  #hasAny(typeUrl: string): boolean {
    const { done } = this.#view.names(typeUrl)[Symbol.iterator]().next();
    return done !== true;
  }

  /**
   * The epoch of the oldest change that the client lacks while it goes on with the version before:
   * because it refused it, or because what it holds is coming, and may be of any age.
   */
  #oldestLacking(namers: readonly Kind[]): number {
    let oldest = Infinity;
    for (const kind of namers) {
      const subscription = this.#subscriptions.get(kind);
      if (subscription?.holdsComing() === true) return 0;
      oldest = Math.min(oldest, subscription?.oldestLacking() ?? Infinity);
    }
    return oldest;
  }

  /**
   * The epoch of the oldest change of these kinds that is due or unanswered. With `upsertsOnly`,
   * removals do not count, and neither does what was due before the last deadline.
   */
  #oldestOf(subjects: readonly Kind[], upsertsOnly: boolean): number {
    let oldest = Infinity;
    const consider = ({ first, since }: Span): void => {
      const epoch = upsertsOnly ? since : first;
      if (epoch < oldest && !(upsertsOnly && epoch <= this.released)) oldest = epoch;
    };
    for (const kind of subjects) {
      const subscription = this.#subscriptions.get(kind);
      if (subscription === undefined) continue;
      for (const [name, mark] of subscription.due) {
        const counts = !upsertsOnly || this.#view.get(kind.typeUrl, name) !== undefined;
        if (!counts || subscription.isResting(name) || !subscription.differs(name, mark)) continue;
        consider(earliest(mark, this.refusal(subscription, name)));
      }
      for (const retry of subscription.retries) consider(retry);
      const { outstanding } = subscription;
      if (outstanding !== undefined && (!upsertsOnly || outstanding.upserts.length > 0)) consider(outstanding);
    }
    return oldest;
  }
}

/** The first of several. */
export function earliest(...spans: readonly Span[]): Span {
  return {
    first: Math.min(...spans.map(({ first }) => first)),
    since: Math.min(...spans.map(({ since }) => since)),
  };
}
