// Whatever the order of changes, answers and losses of connection: a proxy ends with what it should
// have.

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type EncodedResource, type TypeUrl, typeUrls } from '../envoy-api/index.ts';
import { trialsOf } from '../test/support/counts.ts';
import type { DeltaRequest, DeltaResponse } from './messages.ts';
import { Session } from './session.ts';
import { SnapshotCache } from './snapshot-cache.ts';

const {
  cluster: CDS,
  clusterLoadAssignment: EDS,
  listener: LDS,
  routeConfiguration: RDS,
  extensionConfig: ECDS,
  secret: SDS,
} = typeUrls;
const key = 'waypoint';

function resource(typeUrl: TypeUrl, name: string, version: string): EncodedResource {
  return { typeUrl, name, version, bytes: new Uint8Array() };
}

function request(typeUrl: string, parts: Partial<DeltaRequest> = {}): DeltaRequest {
  return { typeUrl, subscribe: [], unsubscribe: [], initialVersions: new Map(), nonce: '', ...parts };
}

/**
 * A client as the protocol describes it: applies in order, stops at a bad resource, remembers
 * versions.
 */
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

const types = [CDS, EDS, LDS, RDS, ECDS, SDS];
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
  { weight: 1, arbitrary: fc.record({ op: fc.constantFrom('reconnect', 'deadline', 'stale', 'rest') }) },
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
          else if (op === 'rest') client.session.rest();
          else if (op === 'deadline') client.session.deadline();
          else if (op === 'stale') client.session.request(request(type, { nonce: 'stale', error: 'late' }));
          client.take();
        }
        for (let round = 0; round < 500; round += 1) {
          client.take();
          if (client.inbox.length > 0) client.answer(0);
          else if (client.session.isResting()) client.session.rest();
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
        // A client that comes back with everything is sent nothing new.
        if (!rejected) {
          client.reconnect(connect());
          client.take();
          expect(client.inbox.flatMap(({ resources }) => resources)).toEqual([]);
        }
        stop();
      }),
      trialsOf('sessions'),
    );
  });
});
