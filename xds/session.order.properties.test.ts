// Whatever changes, whatever the proxy refuses, and whenever it comes back: no resource that it is
// sent names one that it was not given, and no resource is removed that another in force may name.
// This holds over all types, and all references between them.

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type EncodedResource, type TypeUrl, typeUrls } from '../envoy-api/index.ts';
import { trialsOf } from '../test/support/counts.ts';
import { deltaRequest, SessionProxy } from '../test/support/session-proxy.ts';
import type { DeltaResponse } from './messages.ts';
import { Session } from './session.ts';
import { SnapshotCache } from './snapshot-cache.ts';

const {
  cluster: CDS,
  clusterLoadAssignment: EDS,
  listener: LDS,
  routeConfiguration: RDS,
  extensionConfig: ECDS,
} = typeUrls;
const key = 'waypoint';

/** The first letter of a name is its type; a cluster's endpoints have its name. */
const typeOf: Readonly<Record<string, TypeUrl>> = { c: CDS, l: LDS, r: RDS, e: ECDS };
const clusters = ['c1', 'c2', 'c3', 'c4'];

/** The resources that this version names; versions are written `good>c1,r2`. */
function namesIn(version: string): readonly string[] {
  return (version.split('>')[1] ?? '').split(',').filter((name) => name !== '');
}

/**
 * Behaves like Envoy: it has all clusters and listeners, asks for what these name, and goes on with
 * the version before one that it refuses.
 */
class Proxy extends SessionProxy {
  /** Clusters that it refused and has in no other version. */
  readonly refused = new Set<string>();
  /** The names that were sent to it since it last asked. */
  readonly #given = new Set<string>();

  constructor(session: Session) {
    super(session);
    for (const type of [CDS, LDS]) {
      this.wanted.set(type, new Set(['*']));
      session.request(deltaRequest(type, { subscribe: ['*'] }));
    }
  }

  protected override applied({ typeUrl, removed }: DeltaResponse, good: readonly string[], bad?: string): void {
    if (typeUrl === CDS) {
      for (const name of [...removed, ...good]) this.refused.delete(name);
      if (bad !== undefined && !this.heldOf(CDS).has(bad)) this.refused.add(bad);
    }
    this.#ask();
  }

  override reconnect(session: Session): void {
    this.refused.clear();
    this.#given.clear();
    for (const type of this.wanted.keys()) {
      for (const name of this.heldOf(type).keys()) this.#given.add(`${type} ${name}`);
    }
    super.reconnect(session);
  }

  /** Subscribes to the resources that its own resources name now. */
  #ask(): void {
    const namedBy = (types: readonly TypeUrl[], letter: string): readonly string[] =>
      types
        .flatMap((type) => [...this.heldOf(type).values()].flatMap(namesIn))
        .filter((name) => name.startsWith(letter));
    for (const type of [EDS, ECDS, RDS] as const) {
      const names =
        type === EDS ? this.heldOf(CDS).keys() : type === ECDS ? namedBy([LDS], 'e') : namedBy([LDS, ECDS], 'r');
      const now = new Set(names);
      const wanted = this.wanted.get(type) ?? new Set();
      this.wanted.set(type, wanted);
      const subscribe = [...now].filter((name) => !wanted.has(name));
      const unsubscribe = [...wanted].filter((name) => !now.has(name));
      for (const name of subscribe) wanted.add(name);
      for (const name of unsubscribe) {
        wanted.delete(name);
        this.heldOf(type).delete(name);
        this.#given.delete(`${type} ${name}`);
      }
      if (subscribe.length + unsubscribe.length > 0)
        this.session.request(deltaRequest(type, { subscribe, unsubscribe }));
    }
  }

  protected override receive({ typeUrl, resources, removed }: DeltaResponse): void {
    const flying = this.inbox.flatMap((response) => response.resources);
    const leaving = this.inbox.filter((response) => response.typeUrl === CDS).flatMap((response) => response.removed);
    for (const { name, version } of resources) {
      if (typeUrl === CDS || typeUrl === EDS) continue;
      for (const target of namesIn(version).filter((each) => typeOf[each.charAt(0)] === CDS)) {
        const isGiven = this.heldOf(CDS).has(target) && this.heldOf(EDS).has(target) && !leaving.includes(target);
        expect([`${name} names ${target}`, isGiven || this.refused.has(target)]).toEqual([
          `${name} names ${target}`,
          true,
        ]);
      }
    }
    for (const { name } of resources) this.#given.add(`${typeUrl} ${name}`);
    const inForce = [LDS, RDS, ECDS].flatMap((type) => [...this.heldOf(type).values()]);
    const named = [...inForce, ...flying.map(({ version }) => version)].flatMap(namesIn);
    for (const name of removed) {
      // A resource that it was not given since it asked for it is answered in the same way.
      if (!this.#given.has(`${typeUrl} ${name}`)) continue;
      expect(named).not.toContain(name);
      if (typeUrl === EDS) expect([...this.heldOf(CDS).keys()]).not.toContain(name);
    }
  }
}

/**
 * A write: the references of each resource, which clusters and endpoints are new, and what the
 * proxy will refuse.
 */
const edit = fc.record({
  names: fc.record({
    l1: fc.subarray(['r1', 'r2', 'e1', 'e2', 'c1']),
    l2: fc.subarray(['e2', 'e3', 'c2']),
    r1: fc.subarray(clusters),
    r2: fc.subarray(clusters),
    r3: fc.subarray(clusters),
    e1: fc.subarray(clusters),
    e2: fc.subarray([...clusters, 'r3']),
    e3: fc.subarray(['c4', 'r2', 'r3']),
  }),
  listeners: fc.subarray(['l1', 'l2']),
  touched: fc.subarray(clusters),
  moved: fc.subarray(clusters),
  bad: fc.oneof(
    { weight: 3, arbitrary: fc.constant<string[]>([]) },
    { weight: 1, arbitrary: fc.subarray(['l1', 'r1', 'r2', 'e1', 'e2', 'c1', 'c2']) },
  ),
});
type Edit = typeof edit extends fc.Arbitrary<infer T> ? T : never;

const step = fc.oneof(
  { weight: 3, arbitrary: edit },
  { weight: 6, arbitrary: fc.record({ index: fc.nat(4) }) },
  { weight: 2, arbitrary: fc.constantFrom('reconnect' as const, 'rest' as const) },
);

/** The resources of edits, one after the other. */
function makeWriter(): (written: Edit) => readonly EncodedResource[] {
  const counts = new Map<string, number>();
  return ({ names, listeners, touched, moved, bad }) => {
    for (const name of touched) counts.set(name, (counts.get(name) ?? 0) + 1);
    for (const name of moved) counts.set(`endpoints ${name}`, (counts.get(`endpoints ${name}`) ?? 0) + 1);
    const found = new Map<string, EncodedResource>();
    const add = (name: string): void => {
      if (found.has(name)) return;
      const typeUrl = typeOf[name.charAt(0)] ?? CDS;
      const own = (names as Readonly<Record<string, readonly string[]>>)[name] ?? [];
      const version = `${bad.includes(name) ? 'bad' : 'good'}${counts.get(name) ?? 0}>${own.join()}`;
      found.set(name, { typeUrl, name, version, bytes: new Uint8Array() });
      own.forEach(add);
      if (typeUrl !== CDS) return;
      const endpoints = String(counts.get(`endpoints ${name}`) ?? 0);
      found.set(`endpoints ${name}`, { typeUrl: EDS, name, version: endpoints, bytes: new Uint8Array() });
    };
    listeners.forEach(add);
    return [...found.values()];
  };
}

describe('any sequence of consistent changes', () => {
  it('gives a proxy what is named before what names it, and takes it away afterwards, refusals and losses of connection included', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const cache = new SnapshotCache();
        const write = makeWriter();
        let stop = (): void => undefined;
        const connect = (): Session => {
          stop();
          const session = new Session(cache.view(key));
          stop = cache.watch(key, (changed) => session.change(changed));
          return session;
        };
        let last: Edit | undefined;
        cache.set(key, []);
        const proxy = new Proxy(connect());
        for (const current of steps) {
          if (current === 'reconnect') proxy.reconnect(connect());
          else if (current === 'rest') proxy.session.rest();
          else if ('index' in current) proxy.answer(current.index);
          else cache.set(key, write((last = current)));
          proxy.take();
        }
        // It settles without the deadline: the order alone can never dead-lock.
        const rest = (): void => {
          for (let round = 0; round < 500; round += 1) {
            proxy.take();
            if (proxy.inbox.length > 0) proxy.answer(0);
            else if (proxy.session.isResting()) proxy.session.rest();
            else return;
          }
        };
        rest();
        expect(proxy.session.isWaiting()).toBe(false);
        expect(['SYNCED', 'REJECTED']).toContain(proxy.session.syncState());
        // Resources that were kept because of a refusal go when the refusal is over.
        if (last !== undefined) cache.set(key, write({ ...last, bad: [], touched: [], moved: [] }));
        rest();
        expect(proxy.session.syncState()).toBe('SYNCED');
        for (const type of [CDS, EDS, LDS, RDS, ECDS]) {
          const wanted = [...cache.names(key, type)].map((name) => [name, cache.get(key, type, name)?.version]);
          expect(Object.fromEntries(proxy.heldOf(type))).toEqual(Object.fromEntries(wanted));
        }
        stop();
      }),
      trialsOf('orders'),
    );
  });
});
