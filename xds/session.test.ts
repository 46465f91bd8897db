import { describe, expect, it } from 'vitest';
import { type EncodedResource, type TypeUrl, typeUrls } from '../envoy-api/index.ts';
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

/** A cache with a session whose changes are passed on, and the responses taken so far. */
function setUp(resources: readonly EncodedResource[] | undefined): {
  readonly cache: SnapshotCache;
  readonly session: Session;
  readonly drain: () => readonly DeltaResponse[];
} {
  const cache = new SnapshotCache();
  if (resources !== undefined) cache.set(key, resources);
  const session = new Session(cache.view(key));
  cache.watch(key, (changed) => session.change(changed));
  const drain = (): readonly DeltaResponse[] => {
    const responses: DeltaResponse[] = [];
    for (let next = session.next(); next !== undefined; next = session.next()) responses.push(next);
    return responses;
  };
  return { cache, session, drain };
}

function shape(responses: readonly DeltaResponse[]): unknown {
  return responses.map(({ typeUrl, resources, removed }) => [
    typeUrl.slice(typeUrl.lastIndexOf('.') + 1),
    resources.map(({ name, version }) => `${name}@${version}`),
    removed,
  ]);
}

function ack(response: DeltaResponse | undefined, error?: string): DeltaRequest {
  if (response === undefined) throw new Error('there is no response to answer');
  return request(response.typeUrl, { nonce: response.nonce, ...(error === undefined ? {} : { error }) });
}

/** The responses once enough time has passed for held-back removals. */
function restAndDrain(session: Session, drain: () => readonly DeltaResponse[]): readonly DeltaResponse[] {
  session.rest();
  session.rest();
  return drain();
}

describe('subscribing', () => {
  it('answers a first request without names with everything, for types that have a wildcard', () => {
    const { session, drain } = setUp([resource(CDS, 'a', '1'), resource(EDS, 'a', '1'), resource(CDS, 'b', '1')]);
    session.request(request(CDS));
    session.request(request(EDS));
    expect(shape(drain())).toEqual([['Cluster', ['a@1', 'b@1'], []]]);
  });

  it('answers a wildcard even when there is nothing, so that a proxy does not wait for its time-out', () => {
    const { session, drain } = setUp([]);
    session.request(request(LDS, { subscribe: ['*'] }));
    expect(shape(drain())).toEqual([['Listener', [], []]]);
    expect(drain()).toEqual([]);
  });

  it('says nothing before the snapshot is there: a restarted control plane must not take everything away', () => {
    const { cache, session, drain } = setUp(undefined);
    session.request(
      request(CDS, {
        initialVersions: new Map([
          ['a', '1'],
          ['b', '1'],
        ]),
      }),
    );
    expect(drain()).toEqual([]);
    expect(session.syncState()).toBe('STALE');
    cache.set(key, [resource(CDS, 'a', '1'), resource(CDS, 'c', '1')]);
    expect(shape(drain())).toEqual([['Cluster', ['c@1'], []]]);
  });

  it('keeps what a proxy has when its key is forgotten', () => {
    const { cache, session, drain } = setUp([resource(LDS, 'a', '1')]);
    session.request(request(LDS));
    session.request(ack(drain()[0]));
    cache.remove(key);
    expect(drain()).toEqual([]);
    cache.set(key, [resource(LDS, 'b', '1')]);
    expect(shape(drain())).toEqual([['Listener', ['b@1'], ['a']]]);
  });

  it('says once that a name does not exist, and sends it when it appears', () => {
    const { cache, session, drain } = setUp([]);
    session.request(request(SDS, { subscribe: ['cert'] }));
    const [missing] = drain();
    expect(shape(missing === undefined ? [] : [missing])).toEqual([['Secret', [], ['cert']]]);
    session.request(ack(missing));
    expect(drain()).toEqual([]);
    cache.set(key, [resource(SDS, 'cert', '1')]);
    expect(shape(drain())).toEqual([['Secret', ['cert@1'], []]]);
  });

  it('sends a name again that is subscribed again', () => {
    const { session, drain } = setUp([resource(SDS, 'cert', '1')]);
    session.request(request(SDS, { subscribe: ['cert'] }));
    session.request(ack(drain()[0]));
    session.request(request(SDS, { subscribe: ['cert'] }));
    expect(shape(drain())).toEqual([['Secret', ['cert@1'], []]]);
  });

  it('stops sending after unsubscribing from all, except what was asked for by name', () => {
    const { cache, session, drain } = setUp([resource(CDS, 'a', '1'), resource(CDS, 'b', '1')]);
    session.request(request(CDS, { subscribe: ['*', 'b'] }));
    session.request(ack(drain()[0]));
    session.request(request(CDS, { unsubscribe: ['*'] }));
    cache.set(key, [resource(CDS, 'a', '2'), resource(CDS, 'b', '2'), resource(CDS, 'c', '2')]);
    expect(shape(drain())).toEqual([['Cluster', ['b@2'], []]]);
  });

  it('sends nothing for a name that was given up before it could be sent', () => {
    const { cache, session, drain } = setUp([resource(SDS, 'a', '1')]);
    session.request(request(SDS, { subscribe: ['a'] }));
    const [first] = drain();
    cache.set(key, [resource(SDS, 'a', '2')]);
    session.request(request(SDS, { unsubscribe: ['a'] }));
    session.request(ack(first));
    expect(drain()).toEqual([]);
    expect(session.status().get(SDS)).toMatchObject({ subscribed: 0, acked: 0, pending: 0 });
  });

  it('tells a wildcard client again what a name is that it no longer asks for by itself', () => {
    const { session, drain } = setUp([resource(CDS, 'a', '1')]);
    session.request(request(CDS, { subscribe: ['*', 'a', 'b'] }));
    session.request(ack(drain()[0]));
    session.request(request(CDS, { unsubscribe: ['a', 'b'] }));
    expect(shape(drain())).toEqual([['Cluster', ['a@1'], ['b']]]);
  });

  it('does not take on-demand clients for wildcard clients', () => {
    const { session, drain } = setUp([resource(CDS, 'a', '1')]);
    session.request(request(CDS, { subscribe: ['*'], unsubscribe: ['*'] }));
    expect(drain()).toEqual([]);
    session.request(request(CDS));
    expect(drain()).toEqual([]);
  });

  it('sends on reconnect only what differs, and lists what is gone', () => {
    const { session, drain } = setUp([resource(LDS, 'a', '1'), resource(LDS, 'b', '2'), resource(LDS, 'c', '1')]);
    session.request(
      request(LDS, {
        initialVersions: new Map([
          ['a', '1'],
          ['b', '1'],
          ['x', '1'],
        ]),
      }),
    );
    expect(shape(drain())).toEqual([['Listener', ['b@2', 'c@1'], ['x']]]);
  });
});

describe('answers', () => {
  it('has one unanswered response per type, and sends what changed meanwhile once', () => {
    const { cache, session, drain } = setUp([resource(LDS, 'a', '1')]);
    session.request(request(LDS));
    const [first] = drain();
    for (let version = 2; version < 100; version += 1) cache.set(key, [resource(LDS, 'a', String(version))]);
    expect(drain()).toEqual([]);
    session.request(request(LDS, { nonce: 'old' }));
    expect(drain()).toEqual([]);
    session.request(ack(first));
    expect(shape(drain())).toEqual([['Listener', ['a@99'], []]]);
  });

  it('does not repeat a refused version, names it in the status, and sends the next one', () => {
    const { cache, session, drain } = setUp([resource(LDS, 'a', '1')]);
    session.request(request(LDS));
    expect(session.request(ack(drain()[0], 'bad regex'))).toBe(true);
    expect(drain()).toEqual([]);
    expect(session.syncState()).toBe('REJECTED');
    expect(session.status().get(LDS)).toMatchObject({
      acked: 0,
      pending: 0,
      nacks: 1,
      rejected: ['a'],
      lastNack: { message: 'bad regex', resources: ['a'] },
    });
    cache.set(key, [resource(LDS, 'a', '2')]);
    session.request(ack(drain()[0]));
    expect(session.syncState()).toBe('SYNCED');
  });

  it('finds the bad one of a refused group, so that the others arrive', () => {
    const names = ['a', 'b', 'c', 'd', 'e'];
    const { session, drain } = setUp(names.map((name) => resource(LDS, name, '1')));
    session.request(request(LDS));
    const accepted = new Set<string>();
    for (let [response] = drain(); response !== undefined; [response] = drain()) {
      const group = response.resources.map(({ name }) => name);
      const bad = group.includes('d');
      if (!bad) for (const name of group) accepted.add(name);
      session.request(ack(response, bad ? 'd is bad' : undefined));
    }
    expect([...accepted].sort()).toEqual(['a', 'b', 'c', 'e']);
    expect(session.status().get(LDS)).toMatchObject({ rejected: ['d'], acked: 4, lastNack: { resources: ['d'] } });
  });
});

describe('order between types', () => {
  it('sends a lone route change at once', () => {
    const { cache, session, drain } = setUp([resource(CDS, 'a', '1'), resource(RDS, 'r', '1')]);
    session.request(request(CDS));
    session.request(ack(drain()[0]));
    session.request(request(RDS, { subscribe: ['r'] }));
    session.request(ack(drain()[0]));
    cache.apply(key, { upserts: [resource(RDS, 'r', '2')], removals: [] });
    expect(shape(drain())).toEqual([['RouteConfiguration', ['r@2'], []]]);
  });

  it('does not hold a route for endpoints that change later', () => {
    const { cache, session, drain } = setUp([resource(EDS, 'a', '1'), resource(RDS, 'r', '1')]);
    session.request(request(EDS, { subscribe: ['a'] }));
    session.request(request(RDS, { subscribe: ['r'] }));
    const [endpoints] = drain();
    expect(session.isWaiting()).toBe(true);
    cache.apply(key, { upserts: [resource(EDS, 'a', '2')], removals: [] });
    expect(drain()).toEqual([]);
    session.request(ack(endpoints));
    expect(shape(drain())).toEqual([
      ['ClusterLoadAssignment', ['a@2'], []],
      ['RouteConfiguration', ['r@1'], []],
    ]);
  });

  it('sends endpoints again when their cluster changed: the new cluster would wait for them', () => {
    const { cache, session, drain } = setUp([resource(CDS, 'a', '1'), resource(EDS, 'a', '1')]);
    session.request(request(CDS));
    session.request(request(EDS, { subscribe: ['a'] }));
    for (const response of drain()) session.request(ack(response));
    for (const response of drain()) session.request(ack(response));
    cache.apply(key, { upserts: [resource(CDS, 'a', '2')], removals: [] });
    expect(shape(drain())).toEqual([
      ['Cluster', ['a@2'], []],
      ['ClusterLoadAssignment', ['a@1'], []],
    ]);
  });

  it('holds routes while clusters that were refused together are tried one by one', () => {
    const { cache, session, drain } = setUp([]);
    for (const type of [CDS, LDS]) session.request(request(type));
    for (const response of drain()) session.request(ack(response));
    cache.set(key, [resource(LDS, 'l', '1'), ...['a', 'b', 'c'].map((name) => resource(CDS, name, '1'))]);
    const order: string[] = [];
    for (let [response] = drain(); response !== undefined; [response] = drain()) {
      const group = response.resources.map(({ name }) => name);
      order.push(group.join());
      session.request(ack(response, group.includes('c') ? 'c is bad' : undefined));
    }
    expect(order).toEqual(['a,b,c', 'a,b', 'c', 'l']);
  });

  it('keeps a removed cluster while routes that were refused together are tried one by one', () => {
    const routes = (version: string): EncodedResource[] => ['q', 'r'].map((name) => resource(RDS, name, version));
    const { cache, session, drain } = setUp([resource(CDS, 'a', '1'), ...routes('1')]);
    session.request(request(CDS));
    for (const response of drain()) session.request(ack(response));
    session.request(request(RDS, { subscribe: ['q', 'r'] }));
    for (const response of drain()) session.request(ack(response));
    cache.set(key, routes('2'));
    session.request(ack(drain()[0], 'q is bad'));
    expect(shape(drain())).toEqual([['RouteConfiguration', ['q@2'], []]]);
  });

  it.each([
    ['refused', (session: Session, sent: DeltaResponse | undefined) => session.request(ack(sent, 'bad'))],
    [
      'removed',
      (session: Session, sent: DeltaResponse | undefined, cache: SnapshotCache) => {
        session.request(ack(sent));
        cache.apply(key, { upserts: [], removals: [{ typeUrl: CDS, name: 'a' }] });
      },
    ],
  ])('does not wait for the endpoints of a cluster that was %s', (_, settle) => {
    const { cache, session, drain } = setUp([
      resource(CDS, 'a', '1'),
      resource(EDS, 'a', '1'),
      resource(RDS, 'r', '1'),
    ]);
    session.request(request(CDS));
    session.request(request(RDS, { subscribe: ['r'] }));
    const [clusters] = drain();
    settle(session, clusters, cache);
    expect(shape(drain())).toContainEqual(['RouteConfiguration', ['r@1'], []]);
  });

  it('lets go after the deadline when a proxy does not answer', () => {
    const { session, drain } = setUp([resource(CDS, 'a', '1'), resource(EDS, 'a', '1'), resource(RDS, 'r', '1')]);
    session.request(request(CDS));
    session.request(request(RDS, { subscribe: ['r'] }));
    expect(shape(drain())).toEqual([['Cluster', ['a@1'], []]]);
    expect(session.isWaiting()).toBe(true);
    session.deadline();
    expect(shape(drain())).toEqual([['RouteConfiguration', ['r@1'], []]]);
    expect(session.isWaiting()).toBe(false);
  });

  it('keeps a removed cluster until the client that came back has its routes', () => {
    const { session, drain } = setUp([resource(LDS, 'l', '1'), resource(RDS, 'r', '2')]);
    session.request(request(CDS, { initialVersions: new Map([['old', '1']]) }));
    expect(drain()).toEqual([]);
    session.request(request(LDS, { initialVersions: new Map([['l', '1']]) }));
    session.request(request(RDS, { subscribe: ['r'], initialVersions: new Map([['r', '1']]) }));
    const [routes, ...others] = drain();
    expect(others).toEqual([]);
    session.request(ack(routes));
    expect(drain()).toEqual([]);
    expect(shape(restAndDrain(session, drain))).toEqual([['Cluster', [], ['old']]]);
  });

  it.each([
    ['a route', RDS, 'RouteConfiguration'],
    ['an extension configuration', ECDS, 'TypedExtensionConfig'],
  ])('keeps a cluster while %s leads to it, and a while longer', (_, type, written) => {
    const { cache, session, drain } = setUp([resource(CDS, 'a', '1'), resource(type, 'x', 'to-a')]);
    session.request(request(CDS));
    for (const response of drain()) session.request(ack(response));
    session.request(request(type, { subscribe: ['x'] }));
    for (const response of drain()) session.request(ack(response));
    cache.set(key, [resource(CDS, 'b', '1'), resource(type, 'x', 'to-b')]);
    const [clusters, ...others] = drain();
    expect(shape(clusters === undefined ? [] : [clusters])).toEqual([['Cluster', ['b@1'], []]]);
    expect(others).toEqual([]);
    session.request(ack(clusters));
    const moved = drain();
    expect(shape(moved)).toEqual([[written, ['x@to-b'], []]]);
    expect(session.isResting()).toBe(false);
    for (const response of moved) session.request(ack(response));
    expect(drain()).toEqual([]);
    // A resource that only waits for its time makes no proxy stale.
    expect([session.isResting(), session.isWaiting(), session.syncState()]).toEqual([true, false, 'SYNCED']);
    session.rest();
    expect(drain()).toEqual([]);
    session.rest();
    expect(shape(drain())).toEqual([['Cluster', [], ['a']]]);
  });

  it('keeps the cluster of a route whose newer version the client refused, until it accepts one', () => {
    const { cache, session, drain } = setUp([resource(CDS, 'a', '1'), resource(RDS, 'r', 'to-a')]);
    session.request(request(CDS));
    for (const response of drain()) session.request(ack(response));
    session.request(request(RDS, { subscribe: ['r'] }));
    for (const response of drain()) session.request(ack(response));
    cache.set(key, [resource(RDS, 'r', 'bad')]);
    for (const response of drain()) session.request(ack(response, 'r is bad'));
    session.deadline();
    expect(restAndDrain(session, drain)).toEqual([]);
    expect([session.isWaiting(), session.syncState()]).toEqual([false, 'REJECTED']);
    cache.set(key, [resource(RDS, 'r', 'good')]);
    for (const response of drain()) session.request(ack(response));
    expect(drain()).toEqual([]);
    expect(shape(restAndDrain(session, drain))).toEqual([['Cluster', [], ['a']]]);
  });

  it('sends routes and extension configurations before a listener that may name them, for what the client still asks for', () => {
    const { cache, session, drain } = setUp([]);
    session.request(request(LDS));
    session.request(request(RDS, { subscribe: ['r'] }));
    session.request(request(ECDS, { subscribe: ['x'] }));
    for (const response of drain()) session.request(ack(response));
    cache.set(key, [resource(LDS, 'l', '1'), resource(RDS, 'r', '1'), resource(ECDS, 'x', '1')]);
    for (const expected of ['RouteConfiguration', 'TypedExtensionConfig', 'Listener']) {
      const responses = drain();
      expect(shape(responses)).toMatchObject([[expected, {}, []]]);
      for (const response of responses) session.request(ack(response));
    }
  });

  it('leaves an extension configuration that is gone to the client, which has it when it comes back', () => {
    const { cache, session, drain } = setUp([resource(ECDS, 'x', '1'), resource(ECDS, 'y', '1')]);
    session.request(request(ECDS, { subscribe: ['x', 'y'] }));
    for (const response of drain()) session.request(ack(response));
    cache.set(key, [resource(ECDS, 'y', 'refused')]);
    const [refused] = drain();
    expect(shape([refused].flatMap((one) => one ?? []))).toEqual([['TypedExtensionConfig', ['y@refused'], []]]);
    session.request(ack(refused, 'no'));
    expect(session.syncState()).toBe('REJECTED');
    cache.set(key, []);
    expect(drain()).toEqual([]);
    expect(session.syncState()).toBe('SYNCED');
    // Which version the client has of what it refused is not known.
    cache.set(key, [resource(ECDS, 'x', '1'), resource(ECDS, 'y', 'refused')]);
    expect(shape(drain())).toEqual([['TypedExtensionConfig', ['y@refused'], []]]);
  });

  it('forgets an extension configuration that is refused when it is gone already', () => {
    const { cache, session, drain } = setUp([resource(ECDS, 'x', '1')]);
    session.request(request(ECDS, { subscribe: ['x'] }));
    const [first] = drain();
    cache.set(key, []);
    session.request(ack(first, 'no'));
    expect(drain()).toEqual([]);
    expect(session.syncState()).toBe('SYNCED');
  });

  it('takes a route away after the listener that names it', () => {
    const { cache, session, drain } = setUp([resource(LDS, 'l', '1'), resource(RDS, 'r', '1')]);
    session.request(request(LDS));
    session.request(request(RDS, { subscribe: ['r'] }));
    for (let round = 0; round < 2; round += 1) for (const response of drain()) session.request(ack(response));
    cache.set(key, []);
    const [listeners, ...others] = drain();
    expect(others).toEqual([]);
    session.request(ack(listeners));
    expect(shape(drain())).toEqual([['RouteConfiguration', [], ['r']]]);
  });
});
