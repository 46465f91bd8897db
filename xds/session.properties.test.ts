// Whatever the order of changes, answers and losses of connection: a proxy ends with what it should have, and never meets half a configuration.

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type EncodedResource, type TypeUrl, typeUrls } from '../envoy-api/index.ts';
import type { DeltaRequest, DeltaResponse } from './messages.ts';
import { Session } from './session.ts';
import { SnapshotCache } from './snapshot-cache.ts';

const { cluster: CDS, clusterLoadAssignment: EDS, listener: LDS, routeConfiguration: RDS, secret: SDS } = typeUrls;
const key = 'waypoint';

function resource(typeUrl: TypeUrl, name: string, version: string): EncodedResource {
  return { typeUrl, name, version, bytes: new Uint8Array() };
}

function request(typeUrl: string, parts: Partial<DeltaRequest> = {}): DeltaRequest {
  return { typeUrl, subscribe: [], unsubscribe: [], initialVersions: new Map(), nonce: '', ...parts };
}

/** A client as the protocol describes it: applies in order, stops at a bad resource, remembers versions. */
class Client {
  readonly held = new Map<string, Map<string, string>>();
  readonly wanted = new Map<string, Set<string>>();
  readonly inbox: DeltaResponse[] = [];
  session: Session;

  constructor(session: Session) {
    this.session = session;
  }

  heldOf(typeUrl: string): Map<string, string> {
    let held = this.held.get(typeUrl);
    if (held === undefined) this.held.set(typeUrl, (held = new Map()));
    return held;
  }

  wants(typeUrl: string, name: string): boolean {
    const wanted = this.wanted.get(typeUrl);
    return wanted?.has(name) === true || wanted?.has('*') === true;
  }

  take(): void {
    for (let next = this.session.next(); next !== undefined; next = this.session.next()) {
      const { typeUrl } = next;
      expect(this.inbox.map((response) => response.typeUrl)).not.toContain(typeUrl);
      this.inbox.push(next);
    }
  }

  answer(index: number): void {
    const [response] = this.inbox.splice(index % Math.max(1, this.inbox.length), 1);
    if (response === undefined) return;
    const { typeUrl, nonce } = response;
    const held = this.heldOf(typeUrl);
    for (const name of response.removed) held.delete(name);
    let error: string | undefined;
    for (const { name, version } of response.resources) {
      if (version.startsWith('bad')) {
        error = `${name} is bad`;
        break;
      }
      if (this.wants(typeUrl, name)) held.set(name, version);
    }
    this.session.request(request(typeUrl, { nonce, ...(error === undefined ? {} : { error }) }));
  }

  reconnect(session: Session): void {
    this.session = session;
    this.inbox.length = 0;
    for (const [typeUrl, wanted] of this.wanted) {
      // An empty first request would mean the wildcard.
      if (wanted.size === 0) this.wanted.delete(typeUrl);
      else
        session.request(request(typeUrl, { subscribe: [...wanted], initialVersions: new Map(this.heldOf(typeUrl)) }));
    }
  }
}

const types = [CDS, EDS, LDS, RDS, SDS];
const names = ['a', 'b', 'c'];
const typeArbitrary = fc.constantFrom(...types);
const nameArbitrary = fc.constantFrom(...names);
const operation = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ op: fc.constant('put'), type: typeArbitrary, name: nameArbitrary, bad: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('delete'), type: typeArbitrary, name: nameArbitrary }) },
  {
    weight: 3,
    arbitrary: fc.record({ op: fc.constant('subscribe'), type: typeArbitrary, name: fc.constantFrom('*', ...names) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ op: fc.constant('unsubscribe'), type: typeArbitrary, name: fc.constantFrom('*', ...names) }),
  },
  { weight: 6, arbitrary: fc.record({ op: fc.constant('answer'), index: fc.nat(4) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constantFrom('reconnect', 'deadline', 'stale') }) },
) as fc.Arbitrary<{ op: string; type?: TypeUrl; name?: string; bad?: boolean; index?: number }>;

describe('any sequence', () => {
  it('ends with the client holding what the cache holds, bad resources excepted', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
        const cache = new SnapshotCache();
        cache.set(key, []);
        let stop = (): void => undefined;
        const connect = (): Session => {
          stop();
          const session = new Session(cache.view(key));
          stop = cache.watch(key, (changed) => session.change(changed));
          return session;
        };
        const client = new Client(connect());
        let version = 0;
        for (const { op, type = CDS, name = 'a', bad = false, index = 0 } of operations) {
          const wanted = client.wanted.get(type) ?? new Set();
          if (op === 'put') {
            const next = `${bad ? 'bad' : 'good'}${(version += 1)}`;
            cache.apply(key, { upserts: [resource(type, name, next)], removals: [] });
          } else if (op === 'delete') {
            cache.apply(key, { upserts: [], removals: [{ typeUrl: type, name }] });
          } else if (op === 'subscribe') {
            client.wanted.set(type, wanted.add(name));
            // The client may have dropped it just before.
            if (name !== '*') client.heldOf(type).delete(name);
            client.session.request(request(type, { subscribe: [name] }));
          } else if (op === 'unsubscribe' && wanted.has(name)) {
            wanted.delete(name);
            for (const held of client.heldOf(type).keys())
              if (!client.wants(type, held)) client.heldOf(type).delete(held);
            client.session.request(request(type, { unsubscribe: [name] }));
          } else if (op === 'answer') client.answer(index);
          else if (op === 'reconnect') client.reconnect(connect());
          else if (op === 'deadline') client.session.deadline();
          else if (op === 'stale') client.session.request(request(type, { nonce: 'stale', error: 'late' }));
          client.take();
        }
        for (let round = 0; round < 500; round += 1) {
          client.take();
          if (client.inbox.length > 0) client.answer(0);
          else if (client.session.isWaiting()) client.session.deadline();
          else break;
        }
        expect(client.inbox).toEqual([]);
        let rejected = false;
        for (const type of types) {
          const bad: string[] = [];
          for (const name of names) {
            const current = client.wants(type, name) ? cache.get(key, type, name)?.version : undefined;
            if (current?.startsWith('bad') === true) bad.push(name);
            else expect([type, name, client.heldOf(type).get(name)]).toEqual([type, name, current]);
          }
          rejected ||= bad.length > 0;
          expect([...(client.session.status().get(type)?.rejected ?? [])].sort()).toEqual(bad);
        }
        expect(client.session.syncState()).toBe(rejected ? 'REJECTED' : 'SYNCED');
        // Whoever comes back with everything is sent nothing new.
        if (!rejected) {
          client.reconnect(connect());
          client.take();
          expect(client.inbox.flatMap(({ resources }) => resources)).toEqual([]);
        }
        stop();
      }),
      { numRuns: 1_000 },
    );
  });
});

/** Like Envoy: asks for the endpoints of its clusters, before it accepts the clusters. */
class Proxy extends Client {
  override answer(index: number): void {
    const response = this.inbox[index % Math.max(1, this.inbox.length)];
    if (response?.typeUrl === CDS) {
      const wanted = this.wanted.get(EDS) ?? new Set();
      this.wanted.set(EDS, wanted);
      const added = response.resources.map(({ name }) => name).filter((name) => !wanted.has(name));
      for (const name of response.removed) {
        wanted.delete(name);
        this.heldOf(EDS).delete(name);
      }
      for (const name of added) wanted.add(name);
      this.session.request(request(EDS, { subscribe: added, unsubscribe: response.removed }));
    }
    super.answer(index);
  }

  override take(): void {
    for (let next = this.session.next(); next !== undefined; next = this.session.next()) {
      this.#check(next);
      this.inbox.push(next);
    }
  }

  #check({ typeUrl, resources, removed }: DeltaResponse): void {
    if (typeUrl === RDS) {
      for (const { version } of resources) {
        for (const target of targets(version)) {
          expect(this.heldOf(CDS).has(target), `cluster ${target} accepted before route ${version}`).toBe(true);
          expect(this.heldOf(EDS).has(target), `endpoints of ${target} accepted before route ${version}`).toBe(true);
        }
      }
    }
    if (typeUrl === CDS || typeUrl === EDS) {
      const flying = this.inbox
        .filter((response) => response.typeUrl === RDS)
        .flatMap((response) => response.resources);
      const routes = [...this.heldOf(RDS).values(), ...flying.map(({ version }) => version)];
      for (const name of removed) expect(routes.flatMap(targets), `${name} is still routed to`).not.toContain(name);
    }
  }
}

function targets(version: string): readonly string[] {
  return (
    version
      .split('>')[1]
      ?.split(',')
      .filter((name) => name !== '') ?? []
  );
}

const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      routes: fc.record({ r1: fc.subarray(['a', 'b', 'c', 'd']), r2: fc.subarray(['a', 'b', 'c', 'd']) }),
      touched: fc.subarray(['a', 'b', 'c', 'd']),
      moved: fc.subarray(['a', 'b', 'c', 'd']),
    }),
  },
  { weight: 6, arbitrary: fc.record({ index: fc.nat(4) }) },
  { weight: 1, arbitrary: fc.constant('reconnect' as const) },
);

describe('any sequence of consistent changes', () => {
  it('never sends a route before its clusters and endpoints, nor takes a cluster from under a route', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const cache = new SnapshotCache();
        let stop = (): void => undefined;
        const connect = (): Session => {
          stop();
          const session = new Session(cache.view(key));
          stop = cache.watch(key, (changed) => session.change(changed));
          return session;
        };
        const versions = new Map<string, number>();
        const versionOf = (name: string, isTouched: boolean): string => {
          if (isTouched) versions.set(name, (versions.get(name) ?? 0) + 1);
          return String(versions.get(name) ?? 0);
        };
        cache.set(key, []);
        const proxy = new Proxy(connect());
        const all = ['a', 'b', 'c', 'd'];
        const subscribe: [string, string[]][] = [
          [CDS, ['*']],
          [EDS, []],
          [LDS, ['*']],
          [RDS, ['r1', 'r2']],
        ];
        for (const [type, wanted] of subscribe) proxy.wanted.set(type, new Set(wanted));
        for (const [type, wanted] of subscribe) proxy.session.request(request(type, { subscribe: wanted }));
        for (const current of steps) {
          if (current === 'reconnect') {
            const endpoints = new Set(proxy.wanted.get(EDS));
            proxy.reconnect(connect());
            proxy.wanted.set(EDS, endpoints);
          } else if ('index' in current) proxy.answer(current.index);
          else {
            const used = new Set(Object.values(current.routes).flat());
            const resources = Object.entries(current.routes).map(([name, to]) =>
              resource(RDS, name, `>${to.join(',')}`),
            );
            for (const name of all) {
              const cluster = versionOf(`${CDS} ${name}`, current.touched.includes(name));
              const endpoints = versionOf(`${EDS} ${name}`, current.moved.includes(name));
              if (used.has(name)) resources.push(resource(CDS, name, cluster), resource(EDS, name, endpoints));
            }
            cache.set(key, resources);
          }
          proxy.take();
        }
        // It comes to rest without the deadline: the order alone can never dead-lock.
        for (let round = 0; round < 500 && (proxy.take(), proxy.inbox.length > 0); round += 1) proxy.answer(0);
        expect(proxy.session.syncState()).toBe('SYNCED');
        expect([...proxy.heldOf(CDS).keys()].sort()).toEqual([...cache.names(key, CDS)].sort());
        stop();
      }),
      { numRuns: 1_000 },
    );
  });
});
