// Whatever the order of changes, answers and losses of connection: a proxy ends with what it should
// have.

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type EncodedResource, type TypeUrl, typeUrls } from '../envoy-api/index.ts';
import { trialsOf } from '../test/support/counts.ts';
import { deltaRequest, SessionProxy } from '../test/support/session-proxy.ts';
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
        const client = new SessionProxy(connect());
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
            client.session.request(deltaRequest(type, { subscribe: [name] }));
          } else if (op === 'unsubscribe' && wanted.has(name)) {
            wanted.delete(name);
            for (const held of client.heldOf(type).keys())
              if (!client.wants(type, held)) client.heldOf(type).delete(held);
            client.session.request(deltaRequest(type, { unsubscribe: [name] }));
          } else if (op === 'answer') client.answer(index);
          else if (op === 'reconnect') client.reconnect(connect());
          else if (op === 'rest') client.session.rest();
          else if (op === 'deadline') client.session.deadline();
          else if (op === 'stale') client.session.request(deltaRequest(type, { nonce: 'stale', error: 'late' }));
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
