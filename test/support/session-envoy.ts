// A model of Envoy at the other end of an ADS session: what it asks for, when, and what it does
// with the answers. It takes responses in their order. Its own requests wait in a queue for each
// type, and leave in any order, as they do when Envoy pauses a type.
//
// Resources are versions alone: `good3>c1,c2` names clusters c1 and c2; a version that begins with
// `bad` is refused.

import { expect } from 'vitest';
import { typeUrls } from '../../envoy-api/index.ts';
import type { DeltaRequest, DeltaResponse } from '../../xds/messages.ts';
import { kindsOf } from '../../xds/order.ts';
import type { Session } from '../../xds/session.ts';
import { deltaRequest } from './session-proxy.ts';

const {
  cluster: CDS,
  clusterLoadAssignment: EDS,
  listener: LDS,
  extensionConfig: ECDS,
  scopedRoute: SRDS,
  routeConfiguration: RDS,
} = typeUrls;
/** In the order in which Envoy asks again on a new stream. */
const types = [CDS, EDS, LDS, ECDS, SRDS, RDS];

/** The names in a version. */
export function namesIn(version: string): readonly string[] {
  return (version.split('>')[1] ?? '').split(',').filter((name) => name !== '');
}

interface Interest {
  readonly names: Set<string>;
  /** Not told yet. */
  readonly added: Set<string>;
  readonly removed: Set<string>;
}

/** A proxy that lets tunnels in by scopes, and asks for their routes when they are dialled. */
export class SessionEnvoy {
  /** By type and name, the version that is in force. */
  readonly held: Map<string, Map<string, string>> = new Map(types.map((type) => [type, new Map()]));
  /** Names of what it refused and had in no version, until it has everything of the name. */
  readonly refused: Set<string> = new Set();
  /** Scopes of tunnels that were dialled, and the routes that they led to. */
  readonly dialled: Map<string, string> = new Map();
  /** Responses to come. */
  readonly inbox: DeltaResponse[] = [];
  /** The number of resources that were sent on this stream. */
  received = 0;
  #session: Session;
  readonly #interests = new Map<string, Interest>();
  /** The versions that it would name on a new stream. */
  readonly #versions = new Map<string, Map<string, string>>(types.map((type) => [type, new Map()]));
  readonly #answers = new Map<string, Partial<DeltaRequest>[]>();

  constructor(session: Session) {
    this.#session = session;
    this.#subscribe(CDS);
  }

  of(typeUrl: string): Map<string, string> {
    const held = this.held.get(typeUrl);
    if (held === undefined) throw new Error(typeUrl);
    return held;
  }

  /** A client dials an address. */
  dial(scope: string): void {
    const [routes] = namesIn(this.of(SRDS).get(scope) ?? '');
    if (routes !== undefined) this.dialled.set(scope, routes);
    this.#follow();
  }

  /** Receives everything that may be sent now. */
  take(): void {
    for (let next = this.#session.next(); next !== undefined; next = this.#session.next()) {
      this.inbox.push(next);
      this.received += next.resources.length;
      const { typeUrl } = next;
      const unanswered = this.inbox.filter((each) => each.typeUrl === typeUrl).length;
      expect(unanswered + (this.#answers.get(typeUrl)?.length ?? 0)).toBeLessThanOrEqual(kindsOf(typeUrl).length);
    }
  }

  /** Applies the next response. */
  apply(): void {
    const response = this.inbox.shift();
    if (response === undefined) return;
    const { typeUrl, nonce, resources, removed } = response;
    const refused = resources.findIndex(({ version }) => version.startsWith('bad'));
    for (const { name, version } of refused < 0 ? resources : resources.slice(0, refused)) {
      if (!this.#wants(typeUrl, name)) continue;
      // Envoy forgets who waits at a scope that changes.
      if (typeUrl === SRDS && this.of(SRDS).get(name) !== version) this.dialled.delete(name);
      this.of(typeUrl).set(name, version);
      this.#versions.get(typeUrl)?.set(name, version);
    }
    for (const name of removed) {
      if (typeUrl === CDS || typeUrl === SRDS) this.refused.delete(name);
      this.#versions.get(typeUrl)?.delete(name);
      // It goes on with routes that are removed while a scope leads to them.
      if (typeUrl !== RDS) this.of(typeUrl).delete(name);
    }
    const bad = resources[refused]?.name;
    if (bad !== undefined && !this.of(typeUrl).has(bad)) this.refused.add(bad);
    // At the start it asks for listeners when it has clusters.
    if (typeUrl === CDS) this.#subscribe(LDS);
    this.#queue(typeUrl, { nonce, ...(bad === undefined ? {} : { error: `${bad} is bad` }) });
    this.#follow();
  }

  /** Sends the next request of one of the types that have something to say. */
  flush(index: number): void {
    const waiting = types.filter((each) => this.#hasToSay(each));
    const type = waiting[index % waiting.length];
    if (type === undefined) return;
    const answer = this.#answers.get(type)?.shift();
    const interest = this.#interests.get(type);
    const subscribe = [...(interest?.added ?? [])];
    const unsubscribe = [...(interest?.removed ?? [])];
    interest?.added.clear();
    interest?.removed.clear();
    this.#session.request(deltaRequest(type, { subscribe, unsubscribe, ...answer }));
  }

  /** True if it has nothing to do and nothing to say. */
  get isIdle(): boolean {
    return this.inbox.length === 0 && !types.some((type) => this.#hasToSay(type));
  }

  /** Asks on a new stream for everything, and says what it has; meanwhile answers come. */
  reconnect(session: Session): void {
    this.#session = session;
    this.inbox.length = 0;
    this.received = 0;
    this.#answers.clear();
    for (const type of types) {
      const interest = this.#interests.get(type);
      if (interest === undefined) continue;
      interest.added.clear();
      interest.removed.clear();
      if (interest.names.size === 0) {
        this.#interests.delete(type);
        continue;
      }
      const initialVersions = new Map(this.#versions.get(type));
      session.request(deltaRequest(type, { subscribe: [...interest.names], initialVersions }));
      this.take();
    }
  }

  /**
   * References of what is in force and can be used: `who names whom`, and whether that is there.
   */
  references(): ReadonlyMap<string, boolean> {
    const found = new Map<string, boolean>();
    for (const type of [ECDS, RDS]) {
      for (const [name, version] of this.of(type)) {
        for (const target of namesIn(version)) found.set(`${name} (${version}) names ${target}`, this.#has(target));
      }
    }
    return found;
  }

  #hasToSay(type: string): boolean {
    const { added, removed } = this.#interests.get(type) ?? {};
    return [this.#answers.get(type)?.length, added?.size, removed?.size].some((count) => (count ?? 0) > 0);
  }

  #has(name: string): boolean {
    const needed = name.startsWith('c') ? [CDS, EDS] : [SRDS, RDS];
    const isThere = needed.every((type) => this.of(type).has(name));
    if (isThere) this.refused.delete(name);
    return isThere || this.refused.has(name);
  }

  #wants(type: string, name: string): boolean {
    const names = this.#interests.get(type)?.names;
    return names?.has(name) === true || names?.has('*') === true;
  }

  #subscribe(type: string): void {
    if (this.#interests.has(type)) return;
    this.#interests.set(type, { names: new Set(['*']), added: new Set(['*']), removed: new Set() });
  }

  #queue(type: string, answer: Partial<DeltaRequest>): void {
    const answers = this.#answers.get(type) ?? [];
    this.#answers.set(type, answers);
    answers.push(answer);
  }

  /** Changes what it asks for, because of what it has. */
  #follow(): void {
    if (this.of(ECDS).size > 0) this.#subscribe(SRDS);
    for (const [scope, routes] of this.dialled) {
      if (!namesIn(this.of(SRDS).get(scope) ?? '').includes(routes)) this.dialled.delete(scope);
    }
    const scopes = [...this.of(SRDS).keys()].filter((name) => !name.startsWith('connect|'));
    this.#ask(EDS, [...this.of(CDS).keys()]);
    this.#ask(ECDS, [...this.of(LDS).values()].flatMap(namesIn));
    this.#ask(RDS, [...scopes, ...this.dialled.values()]);
  }

  #ask(type: string, names: readonly string[]): void {
    const interest = this.#interests.get(type) ?? { names: new Set(), added: new Set(), removed: new Set() };
    if (names.length > 0) this.#interests.set(type, interest);
    const now = new Set(names);
    for (const name of now) {
      if (interest.names.has(name)) continue;
      interest.names.add(name);
      interest.added.add(name);
      interest.removed.delete(name);
    }
    for (const name of interest.names) {
      if (now.has(name)) continue;
      interest.names.delete(name);
      interest.added.delete(name);
      interest.removed.add(name);
      this.of(type).delete(name);
      this.#versions.get(type)?.delete(name);
    }
  }
}
