// The names that the client will ask for because of resources that it was sent: the endpoints of
// clusters, and the routes of scopes that have their name. Until it asks for them, what needs both
// waits.

import { askedBy, askerOf, isOfKind, type Kind, kindsOf } from './order.ts';
import type { SnapshotView } from './snapshot-cache.ts';
import type { Moment, Subscription } from './subscription.ts';

/** One name that the client has not asked for. */
interface Expected {
  /** The epoch of the change that leads to it: resources of this or a later change wait. */
  readonly since: number;
  /** The epoch of its own latest change: it waits for resources of this or an earlier change. */
  readonly last: number;
}

/** The names that one client is about to ask for. */
export class Expectations {
  readonly #view: SnapshotView;
  readonly #subscriptions: ReadonlyMap<Kind, Subscription>;
  /** By the kind that is asked for, then by name. */
  readonly #expected = new Map<Kind, Map<string, Expected>>();

  constructor(view: SnapshotView, subscriptions: ReadonlyMap<Kind, Subscription>) {
    this.#view = view;
    this.#subscriptions = subscriptions;
  }

  /** Notes that a resource was sent for which the client may ask for another. */
  expect(sent: Kind, name: string, at: Moment, since: number): void {
    const asked = askedBy(sent);
    if (asked === undefined || this.#view.get(asked.typeUrl, name) === undefined) return;
    const subscription = this.#subscriptions.get(asked);
    // Envoy makes a new cluster of a changed one, which gets no endpoints from the old one, and
    // does not ask again for a name that it already asked for. If it had dropped a scope, its
    // request to drop the routes too may be under way.
    if (subscription?.wants(name) === true) subscription.mark(name, at, true, since);
    else this.#add(asked, name, since, at);
  }

  /** Notes a change of a resource that the client has not asked for. */
  change(typeUrl: string, name: string, at: Moment): void {
    for (const kind of kindsOf(typeUrl)) {
      const expected = isOfKind(kind, name) ? this.#expected.get(kind)?.get(name) : undefined;
      if (expected !== undefined) this.#of(kind).set(name, { ...expected, last: at.epoch });
    }
  }

  /** The time of the latest change of a name that is asked for: now, if it was not expected. */
  momentOf(asked: Kind, name: string, at: Moment): Moment {
    const expected = this.#expected.get(asked)?.get(name);
    return expected === undefined ? at : { epoch: expected.last, released: at.released };
  }

  /**
   * Notes that the client asked for a name. It waits for it, even if it had the resource before: a
   * cluster warms until it gets endpoints.
   */
  meet(subscription: Subscription, name: string, at: Moment): void {
    const expected = this.#expected.get(subscription.kind)?.get(name);
    if (expected === undefined || !subscription.wants(name)) return;
    const latest = this.momentOf(subscription.kind, name, at);
    this.#of(subscription.kind).delete(name);
    subscription.mark(name, latest, true, expected.since);
  }

  /**
   * Notes that the client asks for a name no more. If it was sent what leads to it, it will again.
   */
  renew(unsubscribed: Kind, name: string, at: Moment): void {
    const asker = askerOf(unsubscribed);
    if (asker === undefined || this.#subscriptions.get(asker)?.sent.has(name) !== true) return;
    this.#add(unsubscribed, name, at.released + 1, at);
  }

  /** Forgets what a resource would lead to that the client refused or lost. */
  drop(sent: Kind, name: string): void {
    const asked = askedBy(sent);
    if (asked !== undefined) this.#expected.get(asked)?.delete(name);
  }

  /**
   * The epoch of the oldest change after `released` that leads from one of these kinds to a name.
   */
  oldest(senders: readonly Kind[], released: number): number {
    let oldest = Infinity;
    for (const sender of senders) {
      const asked = askedBy(sender);
      if (asked === undefined) continue;
      for (const [name, { since }] of this.#expected.get(asked) ?? []) {
        const exists = [sender, asked].every(({ typeUrl }) => this.#view.get(typeUrl, name) !== undefined);
        if (exists && since > released) oldest = Math.min(oldest, since);
      }
    }
    return oldest;
  }

  /** The earlier change still leads to the name, unless a deadline has passed since. */
  #add(asked: Kind, name: string, since: number, { epoch, released }: Moment): void {
    const before = this.#of(asked).get(name)?.since ?? Infinity;
    this.#of(asked).set(name, { since: before > released ? Math.min(before, since) : since, last: epoch });
  }

  #of(asked: Kind): Map<string, Expected> {
    let expected = this.#expected.get(asked);
    if (expected === undefined) this.#expected.set(asked, (expected = new Map()));
    return expected;
  }
}
