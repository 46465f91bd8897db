import { describe, expect, it } from 'vitest';
import { type EncodedResource, encodeResource, type TypeUrl, typeUrls } from '../envoy-api/index.ts';
import { deltaRequest as request } from '../test/support/session-proxy.ts';
import type { DeltaRequest, DeltaResponse } from './messages.ts';
import { Session } from './session.ts';
import { SnapshotCache, type SnapshotChange } from './snapshot-cache.ts';

const { cluster: CDS, clusterLoadAssignment: EDS, scopedRoute: SRDS, routeConfiguration: RDS } = typeUrls;
const key = 'waypoint';

function resource(typeUrl: TypeUrl, name: string, version = '1'): EncodedResource {
  return { typeUrl, name, version, bytes: new Uint8Array() };
}

/** The resources behind the tunnels to a host, and their routes. */
function behind(host: string, version = '1'): EncodedResource[] {
  return [
    resource(CDS, host),
    resource(EDS, host),
    resource(SRDS, `in|${host}`),
    resource(RDS, `in|${host}`, version),
    resource(RDS, `connect|${host}`, version),
  ];
}

/** The scopes of tunnels to hosts, and their routes on offer. */
function offered(...hosts: readonly string[]): SnapshotChange {
  return {
    upserts: hosts.map((host) => resource(SRDS, `connect|to-${host}`)),
    removals: [],
    offers: hosts.map((host) => ({ typeUrl: RDS, name: `connect|${host}` })),
  };
}

function setUp(...hosts: readonly string[]): {
  readonly cache: SnapshotCache;
  readonly session: Session;
  readonly wanted: string[];
  readonly drain: () => readonly DeltaResponse[];
  readonly connect: (initial?: Readonly<Record<string, readonly string[]>>) => Session;
} {
  const cache = new SnapshotCache();
  const wanted: string[] = [];
  cache.onWanted((_, names) => wanted.push(...names.map(({ name }) => name)));
  cache.apply(key, offered(...hosts));
  let session: Session;
  let stop = (): void => undefined;
  const connect = (): Session => {
    stop();
    session = new Session(cache.view(key));
    stop = cache.watch(key, (changed) => session.change(changed));
    return session;
  };
  const drain = (): readonly DeltaResponse[] => {
    cache.want(key, session.takeWanted());
    const responses: DeltaResponse[] = [];
    for (let next = session.next(); next !== undefined; next = session.next()) responses.push(next);
    return responses;
  };
  return { cache, session: connect(), wanted, drain, connect };
}

function shape(responses: readonly DeltaResponse[]): unknown {
  return responses.map(({ typeUrl, resources, removed }) => [
    typeUrl.slice(typeUrl.lastIndexOf('.') + 1),
    resources.map(({ name }) => name),
    removed,
  ]);
}

function ack({ typeUrl, nonce }: DeltaResponse, error?: string): DeltaRequest {
  return request(typeUrl, { nonce, ...(error === undefined ? {} : { error }) });
}

/** Answers everything that comes, and asks for what it leads to, until nothing comes. */
function follow(session: Session, drain: () => readonly DeltaResponse[]): readonly DeltaResponse[] {
  const all: DeltaResponse[] = [];
  for (let responses = drain(); responses.length > 0; responses = drain()) {
    for (const response of responses) {
      all.push(response);
      session.request(ack(response));
      const names = response.resources.map(({ name }) => name);
      const asked = response.typeUrl === CDS ? EDS : response.typeUrl === SRDS ? RDS : undefined;
      const subscribe = names.filter((name) => !name.startsWith('connect|'));
      if (asked !== undefined && subscribe.length > 0) session.request(request(asked, { subscribe }));
    }
  }
  return all;
}

/** A session of a client with all scopes that has dialled a host and got everything. */
function opened(...hosts: readonly string[]): ReturnType<typeof setUp> {
  const world = setUp(...hosts);
  const { cache, session, drain } = world;
  for (const type of [CDS, SRDS]) session.request(request(type));
  follow(session, drain);
  session.request(request(RDS, { subscribe: hosts.map((host) => `connect|${host}`) }));
  follow(session, drain);
  for (const host of hosts) cache.apply(key, { upserts: behind(host), removals: [] });
  follow(session, drain);
  expect(session.syncState()).toBe('SYNCED');
  return world;
}

const nameOf = ({ typeUrl, name }: EncodedResource): { typeUrl: string; name: string } => ({ typeUrl, name });

describe('routes on offer', () => {
  it('are wanted once by all proxies of a key, and not answered before they are made', () => {
    const { cache, session, wanted, drain, connect } = setUp('a', 'b');
    session.request(request(RDS, { subscribe: ['connect|a'] }));
    expect(drain()).toEqual([]);
    expect(session.syncState()).toBe('STALE');
    session.request(request(RDS, { unsubscribe: ['connect|a'] }));
    session.request(request(RDS, { subscribe: ['connect|a'] }));
    drain();
    const other = connect();
    other.request(request(RDS, { subscribe: ['connect|a'] }));
    expect(drain()).toEqual([]);
    expect(wanted).toEqual(['connect|a']);
    expect(other.isWaiting()).toBe(false);
    cache.apply(key, { upserts: [resource(RDS, 'connect|a')], removals: [] });
    expect(shape(drain())).toEqual([['RouteConfiguration', ['connect|a'], []]]);
  });

  it('are wanted again when they go while somebody holds them', () => {
    const { cache, wanted, drain } = opened('a');
    cache.apply(key, { upserts: [], removals: behind('a').map(nameOf) });
    // Its resources may be in use, so that none of them goes.
    expect(drain()).toEqual([]);
    expect(wanted).toEqual(['connect|a', 'connect|a']);
    cache.apply(key, { upserts: behind('a'), removals: [] });
    expect(drain()).toEqual([]);
  });

  it('may be made by the listener before it returns', () => {
    const { cache, session, drain } = setUp('a');
    cache.onWanted((_, names) => {
      cache.apply(key, { upserts: names.map(({ name }) => resource(RDS, name)), removals: [] });
    });
    session.request(request(RDS, { subscribe: ['connect|a'] }));
    expect(shape(drain())).toEqual([['RouteConfiguration', ['connect|a'], []]]);
  });

  it('that are withdrawn while a tunnel waits end its waiting: Envoy would wait for ever after a removal', () => {
    const { cache, session, drain } = setUp('a');
    session.request(request(SRDS));
    follow(session, drain);
    session.request(request(RDS, { subscribe: ['connect|a'] }));
    drain();
    const names = [{ typeUrl: RDS, name: 'connect|a' }];
    cache.apply(key, {
      upserts: [],
      removals: [{ typeUrl: SRDS, name: 'connect|to-a' }],
      withdrawals: names,
    });
    // The scope goes when the tunnel is answered, not before.
    const [closed, ...others] = drain();
    expect(others).toEqual([]);
    expect(closed).toMatchObject({ typeUrl: RDS, removed: [], resources: [{ name: 'connect|a' }] });
    const empty = encodeResource({ typeUrl: RDS, name: 'connect|a', json: { name: 'connect|a' } });
    expect(closed?.resources).toEqual([empty]);
    if (closed !== undefined) session.request(ack(closed));
    expect(shape(drain())).toEqual([['ScopedRouteConfiguration', [], ['connect|to-a']]]);
  });

  it('tell nobody of names that are not on offer', () => {
    const { session, wanted, drain } = setUp('a');
    const unknown = ['connect|nobody', 'in|nobody'];
    session.request(request(RDS, { subscribe: unknown }));
    expect(shape(drain())).toEqual([
      ['RouteConfiguration', [], ['in|nobody']],
      ['RouteConfiguration', ['connect|nobody'], []],
    ]);
    expect(wanted).toEqual([]);
  });
});

describe('the order of tunnels', () => {
  it('is clusters and scopes, endpoints, routes of requests, and last those of the tunnel', () => {
    const { cache, session, drain } = setUp('a');
    for (const type of [CDS, SRDS]) session.request(request(type));
    follow(session, drain);
    session.request(request(RDS, { subscribe: ['connect|a'] }));
    drain();
    cache.apply(key, { upserts: behind('a'), removals: [] });
    expect(shape(follow(session, drain))).toEqual([
      ['Cluster', ['a'], []],
      ['ScopedRouteConfiguration', ['in|a'], []],
      ['ClusterLoadAssignment', ['a'], []],
      ['RouteConfiguration', ['in|a'], []],
      ['RouteConfiguration', ['connect|a'], []],
    ]);
  });

  it('holds a tunnel back while a scope is accepted and its routes are not asked for, until the deadline', () => {
    const { cache, session, drain } = setUp('a');
    session.request(request(SRDS));
    follow(session, drain);
    session.request(request(RDS, { subscribe: ['connect|a'] }));
    cache.apply(key, { upserts: behind('a'), removals: [] });
    for (const response of drain()) session.request(ack(response));
    expect(drain()).toEqual([]);
    expect(session.isWaiting()).toBe(true);
    session.deadline();
    expect(shape(drain())).toEqual([['RouteConfiguration', ['connect|a'], []]]);
  });

  it('waits for routes that the client gave up with a scope and will ask for again with the new one', () => {
    const { cache, session, drain } = opened('a');
    cache.apply(key, { upserts: [resource(SRDS, 'in|a', '2')], removals: [] });
    follow(session, drain);
    session.request(request(RDS, { unsubscribe: ['in|a'] }));
    cache.apply(key, { upserts: [resource(RDS, 'connect|a', '2')], removals: [] });
    expect(drain()).toEqual([]);
    session.request(request(RDS, { subscribe: ['in|a'] }));
    expect(shape(follow(session, drain))).toEqual([
      ['RouteConfiguration', ['in|a'], []],
      ['RouteConfiguration', ['connect|a'], []],
    ]);
  });

  it('answers a tunnel that was dialled early while later ones wait for their clusters', () => {
    const { cache, session, drain } = setUp('a', 'b');
    for (const type of [CDS, SRDS]) session.request(request(type));
    follow(session, drain);
    session.request(request(RDS, { subscribe: ['connect|a', 'connect|b'] }));
    drain();
    cache.apply(key, { upserts: behind('a'), removals: [] });
    const first = drain();
    cache.apply(key, { upserts: behind('b'), removals: [] });
    for (const response of first) session.request(ack(response));
    // The clusters and scopes of b are under way and stay so.
    drain();
    session.request(request(EDS, { subscribe: ['a'] }));
    session.request(request(RDS, { subscribe: ['in|a'] }));
    const seen: string[] = [];
    for (let responses = drain(); responses.length > 0; responses = drain()) {
      for (const response of responses) {
        seen.push(...response.resources.map(({ name }) => name));
        session.request(ack(response));
      }
    }
    expect(seen).toEqual(['a', 'in|a', 'connect|a']);
  });

  it('lets nothing else wait for tunnels', () => {
    const { cache, session, drain } = opened('a');
    cache.apply(key, { upserts: [resource(RDS, 'connect|a', '2')], removals: [] });
    expect(shape(drain())).toEqual([['RouteConfiguration', ['connect|a'], []]]);
    cache.apply(key, { upserts: [resource(RDS, 'in|a', '2')], removals: [] });
    expect(shape(drain())).toEqual([['RouteConfiguration', ['in|a'], []]]);
    expect(session.isWaiting()).toBe(false);
  });

  it('removes the scope of a tunnel, its routes, the scope and the routes of requests, and then the cluster', () => {
    const { cache, session, drain } = opened('a');
    cache.apply(key, {
      upserts: [],
      removals: [...behind('a').map(nameOf), { typeUrl: SRDS, name: 'connect|to-a' }],
      withdrawals: [{ typeUrl: RDS, name: 'connect|a' }],
    });
    const removals: unknown[] = shape(follow(session, drain)) as unknown[];
    session.rest();
    session.rest();
    expect([...removals, ...(shape(follow(session, drain)) as unknown[])]).toEqual([
      ['ScopedRouteConfiguration', [], ['connect|to-a']],
      ['RouteConfiguration', ['connect|a'], []],
      ['ScopedRouteConfiguration', [], ['in|a']],
      ['RouteConfiguration', [], ['in|a']],
      ['Cluster', [], ['a']],
      ['ClusterLoadAssignment', [], ['a']],
    ]);
  });

  it('removes nothing that a tunnel may use because a deadline has passed', () => {
    const { cache, session, drain } = opened('a');
    const scope = { typeUrl: SRDS, name: 'connect|to-a' };
    const withdrawals = [{ typeUrl: RDS, name: 'connect|a' }];
    cache.apply(key, { upserts: [], removals: [...behind('a').map(nameOf), scope], withdrawals });
    expect(shape(drain())).toEqual([['ScopedRouteConfiguration', [], ['connect|to-a']]]);
    for (let time = 0; time < 3; time += 1) {
      session.deadline();
      session.rest();
      expect(drain()).toEqual([]);
    }
    expect(session.isWaiting()).toBe(false);
  });
});

describe('a proxy that comes back', () => {
  const held = {
    [CDS]: ['a'],
    [EDS]: ['a'],
    [SRDS]: ['in|a', 'connect|to-a'],
    [RDS]: ['in|a', 'connect|a'],
  };

  it.each([false, true])('loses nothing while what it dialled is made again, deadline passed: %s', (isLate) => {
    const { cache, session, wanted, drain } = setUp('a');
    for (const [type, names] of Object.entries(held)) {
      const subscribe = type === EDS || type === RDS ? names : ['*'];
      session.request(request(type, { subscribe, initialVersions: new Map(names.map((name) => [name, '1'])) }));
      expect(drain()).toEqual([]);
    }
    if (isLate) session.deadline();
    session.rest();
    session.rest();
    expect(drain()).toEqual([]);
    expect(wanted).toEqual(['connect|a']);
    cache.apply(key, { upserts: behind('a'), removals: [] });
    expect(drain()).toEqual([]);
    expect(session.syncState()).toBe('SYNCED');
  });
});
