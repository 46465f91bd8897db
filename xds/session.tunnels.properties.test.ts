// Tunnels whose routes are made and sent when somebody dials: whatever is edited, dialled, refused,
// lost or restarted, and however late Envoy answers, no resource in force names one that it was not
// given, over all types, and everything settles.

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type EncodedResource, type TypeUrl, typeUrls } from '../envoy-api/index.ts';
import { trialsOf } from '../test/support/counts.ts';
import { SessionEnvoy } from '../test/support/session-envoy.ts';
import { Session } from './session.ts';
import { type ResourceName, SnapshotCache } from './snapshot-cache.ts';

const {
  cluster: CDS,
  clusterLoadAssignment: EDS,
  listener: LDS,
  extensionConfig: ECDS,
  scopedRoute: SRDS,
  routeConfiguration: RDS,
} = typeUrls;
const key = 'waypoint';
const hosts = ['h1', 'h2', 'h3'] as const;
const addresses = ['a1', 'a2', 'a3', 'a4'] as const;
const clusters = ['c1', 'c2', 'c3', 'c4'];
const tunnelsOf = (host: string): string => `connect|80|${host}`;
const scopeOf = (address: string): string => `connect|${address}:80`;
const requestsOf = (host: string): string => `in|${host}`;

const service = fc.record({
  isTcp: fc.boolean(),
  clusters: fc.subarray(clusters, { minLength: 1 }),
  leadsTo: fc.subarray(clusters),
});
const edit = fc.record({
  services: fc.record(Object.fromEntries(hosts.map((host) => [host, fc.option(service, { freq: 4 })]))),
  addresses: fc.record(Object.fromEntries(addresses.map((address) => [address, fc.constantFrom(...hosts)]))),
  log: fc.subarray(['c4']),
  touched: fc.subarray(clusters),
  moved: fc.subarray(clusters),
  bad: fc.oneof(
    { weight: 3, arbitrary: fc.constant<string[]>([]) },
    { weight: 1, arbitrary: fc.subarray(['c1', 'c2', 'e1', ...hosts.map(tunnelsOf), ...hosts.map(requestsOf)]) },
    { weight: 1, arbitrary: fc.subarray(addresses.map(scopeOf)) },
  ),
});
type Edit = typeof edit extends fc.Arbitrary<infer T> ? T : never;

const only = <T>(weight: number, arbitrary: fc.Arbitrary<T>): { weight: number; arbitrary: fc.Arbitrary<T> } => ({
  weight,
  arbitrary,
});
const stepWith = (...events: readonly string[]): fc.Arbitrary<Step> =>
  fc.oneof(
    only(2, edit),
    only(4, fc.record({ dial: fc.constantFrom(...addresses) })),
    only(8, fc.record({ moves: fc.array(fc.nat(11), { minLength: 5, maxLength: 20 }) })),
    only(2, fc.constant('settle')),
    only(2, fc.constantFrom(...events)),
  );
type Step = Edit | { readonly dial: string } | { readonly moves: readonly number[] } | string;

/** The owner of the key: it makes what is behind a tunnel when somebody dialled it. */
class Owner {
  cache = new SnapshotCache();
  /** Hosts that were dialled and are not made yet. */
  readonly orders: string[] = [];
  readonly #made = new Set<string>();
  readonly #counts = new Map<string, number>();
  #last: Edit | undefined;

  constructor() {
    this.restart();
  }

  /** Forgets what was dialled. */
  restart(): void {
    this.cache = new SnapshotCache();
    this.cache.onWanted((_, wanted) => this.orders.push(...wanted.map(({ name }) => name.slice('connect|80|'.length))));
    this.#made.clear();
    this.orders.length = 0;
    this.publish();
  }

  edit(next: Edit): void {
    for (const name of [...next.touched, ...next.moved.map((moved) => `endpoints ${moved}`)]) {
      this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
    }
    for (const host of hosts) if (next.services[host] === null) this.#made.delete(host);
    this.#last = next;
    this.publish();
  }

  make(): void {
    const host = this.orders.shift();
    if (host === undefined || this.#last?.services[host] === null) return;
    this.#made.add(host);
    this.publish();
  }

  forgetOne(): void {
    for (const host of [...this.#made].slice(0, 1)) this.#made.delete(host);
    this.publish();
  }

  mend(): void {
    if (this.#last !== undefined) this.edit({ ...this.#last, bad: [], touched: [], moved: [] });
  }

  publish(): void {
    const found = new Map<string, EncodedResource>();
    const put = (typeUrl: TypeUrl, name: string, names: readonly string[], count = 0): void => {
      const isBad = this.#last?.bad.includes(name) === true && typeUrl !== EDS;
      const version = `${isBad ? 'bad' : 'good'}${count}>${names.join()}`;
      found.set(`${typeUrl} ${name}`, { typeUrl, name, version, bytes: new Uint8Array() });
    };
    const putClusters = (names: readonly string[]): void => {
      for (const name of names) {
        put(CDS, name, [], this.#counts.get(name));
        put(EDS, name, [], this.#counts.get(`endpoints ${name}`));
      }
    };
    const offers: ResourceName[] = [];
    put(LDS, 'l1', ['e1']);
    put(ECDS, 'e1', this.#last?.log ?? []);
    putClusters(this.#last?.log ?? []);
    for (const address of addresses) {
      const host = this.#last?.addresses[address] ?? '';
      if ((this.#last?.services[host] ?? null) !== null) put(SRDS, scopeOf(address), [tunnelsOf(host)]);
    }
    for (const [host, service] of Object.entries(this.#last?.services ?? {})) {
      if (service === null) continue;
      offers.push({ typeUrl: RDS, name: tunnelsOf(host) });
      if (!this.#made.has(host)) continue;
      putClusters(service.clusters);
      put(RDS, tunnelsOf(host), service.isTcp ? service.clusters : [requestsOf(host)]);
      if (service.isTcp) continue;
      put(SRDS, requestsOf(host), []);
      put(RDS, requestsOf(host), service.clusters);
    }
    this.cache.set(key, found.values(), offers);
  }
}

/** A control plane with one Envoy; every step is followed by what comes of it at once. */
class World {
  readonly owner = new Owner();
  readonly envoy: SessionEnvoy;
  session: Session;
  #stop = (): void => undefined;
  #isLate = false;
  #satisfied = new Set<string>();
  /** It came back, and may have more to name for all that the session knows. */
  #isBack = false;

  constructor() {
    this.session = this.#connect();
    this.envoy = new SessionEnvoy(this.session);
    this.settle();
  }

  step(step: Step): void {
    if (step === 'settle') this.settle();
    else if (step === 'forget') this.owner.forgetOne();
    else if (step === 'rest') this.session.rest();
    else if (step === 'deadline') this.#deadline();
    else if (step === 'restart') this.restart();
    else if (step === 'reconnect') this.envoy.reconnect(this.#connect());
    else if (typeof step === 'string') throw new Error(step);
    else if ('dial' in step) this.envoy.dial(scopeOf(step.dial));
    else if ('moves' in step) for (const move of step.moves) this.#move(move);
    else this.owner.edit(step);
    this.#go();
  }

  restart(): void {
    this.owner.restart();
    this.envoy.reconnect(this.#connect());
  }

  /** Until nothing is left to do. */
  settle(): void {
    for (let round = 0; round < 500; round += 1) {
      this.#go();
      if (this.envoy.inbox.length > 0) this.envoy.apply();
      else if (!this.envoy.isIdle) this.envoy.flush(0);
      else if (this.owner.orders.length > 0) this.owner.make();
      else if (this.session.isResting()) this.session.rest();
      else if (this.#isBack && this.session.isWaiting()) this.#endResuming();
      else return;
      this.check();
    }
    throw new Error('it does not settle');
  }

  /**
   * A resource in force names only resources that are there; one that was there stays, come what
   * may.
   */
  check(): void {
    const references = this.envoy.references();
    const lacking = [...references].filter(([, isThere]) => !isThere).map(([reference]) => reference);
    if (!this.#isLate) expect(lacking).toEqual([]);
    expect(lacking.filter((reference) => this.#satisfied.has(reference))).toEqual([]);
    this.#satisfied = new Set([...references].filter(([, isThere]) => isThere).map(([reference]) => reference));
  }

  /**
   * The events that need no step: the proxy takes a response, or says something, or something is
   * made.
   */
  #move(which: number): void {
    if (which < 5) this.envoy.apply();
    else if (which < 10) this.envoy.flush(which);
    else this.owner.make();
    this.#go();
  }

  #connect(): Session {
    this.#stop();
    const { cache } = this.owner;
    const session = new Session(cache.view(key));
    this.#stop = cache.watch(key, (changed) => session.change(changed));
    this.session = session;
    this.#isBack = true;
    return session;
  }

  #endResuming(): void {
    this.#isBack = false;
    this.session.deadline();
  }

  #deadline(): void {
    if (!this.session.isWaiting()) return;
    this.#isLate = true;
    this.session.deadline();
  }

  /** As a stream does after everything that happens. */
  #go(): void {
    this.owner.cache.want(key, this.session.takeWanted());
    this.envoy.take();
    this.check();
  }
}

function checkEnd(world: World): void {
  world.settle();
  expect(world.session.isWaiting()).toBe(false);
  expect(['SYNCED', 'REJECTED']).toContain(world.session.syncState());
  world.owner.mend();
  world.settle();
  expect(world.session.syncState()).toBe('SYNCED');
  const { cache } = world.owner;
  const [held, wanted] = [CDS, EDS, LDS, ECDS, SRDS, RDS].reduce<[string[], string[]]>(
    ([all, expected], type) => {
      const names = [...cache.names(key, type)].filter(
        (name) => type !== RDS || !name.startsWith('connect|') || [...world.envoy.dialled.values()].includes(name),
      );
      expected.push(...names.map((name) => `${name} ${cache.get(key, type, name)?.version}`));
      all.push(...[...world.envoy.of(type)].map(([name, version]) => `${name} ${version}`));
      return [all, expected];
    },
    [[], []],
  );
  expect(held.sort()).toEqual(wanted.sort());
  // Everybody who dialled is answered.
  for (const routes of world.envoy.dialled.values()) expect([...world.envoy.of(RDS).keys()]).toContain(routes);
  // A control plane that has forgotten what was dialled sends nothing again.
  world.restart();
  world.settle();
  expect(world.envoy.received).toBe(0);
}

/** Tunnels that were open while steps were taken: the test means little without any. */
let opened = 0;

function checkSteps(first: Edit, steps: readonly Step[]): void {
  const world = new World();
  world.step(first);
  for (const step of steps) {
    world.step(step);
    const routes = world.envoy.of(typeUrls.routeConfiguration);
    opened += [...world.envoy.dialled.values()].filter((name) => routes.has(name)).length;
  }
  checkEnd(world);
}

describe('any sequence of edits, dials, refusals, losses of connection and restarts', () => {
  it('opens a tunnel when all behind it is there, and closes it before anything goes', () => {
    const step = stepWith('reconnect', 'restart', 'rest', 'forget');
    fc.assert(fc.property(edit, fc.array(step, { minLength: 10, maxLength: 60 }), checkSteps), trialsOf('tunnels'));
  });

  it('takes nothing away that is in use, even when a deadline has passed', () => {
    const step = stepWith('reconnect', 'restart', 'rest', 'forget', 'deadline', 'deadline');
    fc.assert(fc.property(edit, fc.array(step, { minLength: 10, maxLength: 60 }), checkSteps), trialsOf('tunnels'));
    expect(opened).toBeGreaterThan(1_000);
  });
});
