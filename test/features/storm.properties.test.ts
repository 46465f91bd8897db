// Many events and many proxies: a lone edit in a storm is sent within a few responses, and proxies
// that come back cost no rendering. Counts of responses, never times.

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type EncodedResource, typeUrls } from '../../envoy-api/index.ts';
import { Generator } from '../../generator/index.ts';
import { MeshStore } from '../../mesh/index.ts';
import { changesOf, type Edit, editKinds, makeEdit, makeHttpRoute, makeMesh } from '../../tools/bench/mesh.ts';
import type { DeltaRequest, DeltaResponse } from '../../xds/messages.ts';
import { Session } from '../../xds/session.ts';
import { trialsOf } from '../support/counts.ts';
import { SnapshotCache } from '../../xds/index.ts';

const services = 30;
const key = 'waypoint/bench/waypoint';
const namedTypes = [typeUrls.clusterLoadAssignment, typeUrls.routeConfiguration, typeUrls.extensionConfig] as const;

/** The resources that a waypoint is served, from changes of the mesh on. */
class ControlPlane {
  readonly cache = new SnapshotCache();
  readonly #store = new MeshStore();
  readonly #generator = new Generator(this.#store);

  constructor() {
    this.apply({ put: makeMesh(services), removed: [] });
  }

  /** Takes an edit, and computes so many dirty parts. */
  apply(edit: Pick<Edit, 'put' | 'removed'>, parts = Infinity): void {
    this.#generator.invalidate(this.#store.apply(changesOf(edit)));
    let left = parts;
    for (const [proxy, change] of this.#generator.advance(() => --left > 0).proxies) {
      this.cache.apply(proxy, change);
    }
  }
}

/**
 * A proxy that accepts everything, and asks for the endpoints of each cluster that it gets; it
 * answers only when it is told to.
 */
class Proxy {
  readonly session: Session;
  readonly received: DeltaResponse[] = [];
  readonly #unanswered: DeltaResponse[] = [];

  /** `held` are the resources from before. */
  constructor({ cache }: ControlPlane, held: readonly EncodedResource[] = []) {
    this.session = new Session(cache.view(key));
    cache.watch(key, (changed) => this.session.change(changed));
    for (const typeUrl of [typeUrls.cluster, typeUrls.listener, ...namedTypes]) {
      const versions = held.filter((resource) => resource.typeUrl === typeUrl);
      this.#request(typeUrl, {
        subscribe: (namedTypes as readonly string[]).includes(typeUrl) ? [...cache.names(key, typeUrl)] : [],
        initialVersions: new Map(versions.map(({ name, version }) => [name, version])),
      });
    }
    this.take();
  }

  take(): void {
    for (let next = this.session.next(); next !== undefined; next = this.session.next()) {
      this.received.push(next);
      this.#unanswered.push(next);
    }
  }

  /** Answers the oldest response, if there is one. */
  answer(): boolean {
    const oldest = this.#unanswered.shift();
    if (oldest === undefined) return false;
    const { typeUrl, nonce, resources } = oldest;
    this.#request(typeUrl, { nonce });
    if (typeUrl === typeUrls.cluster && resources.length > 0) {
      this.#request(typeUrls.clusterLoadAssignment, { subscribe: resources.map(({ name }) => name) });
    }
    this.take();
    return true;
  }

  holds(): readonly EncodedResource[] {
    return [
      ...new Map(this.received.flatMap(({ resources }) => resources.map((one) => [one.name + one.typeUrl, one]))),
    ].map(([, resource]) => resource);
  }

  #request(typeUrl: string, fields: Partial<DeltaRequest>): void {
    this.session.request({ typeUrl, subscribe: [], unsubscribe: [], initialVersions: new Map(), nonce: '', ...fields });
  }
}

/** The service that nothing but the lone edit touches. */
const quiet = 9;
const event = fc.record({
  kind: fc.constantFrom(...editKinds.filter((kind) => kind !== 'HTTPRoute')),
  round: fc.nat(8),
  parts: fc.integer({ min: 4, max: 12 }),
  answers: fc.nat(2),
});

describe('a storm of changes', () => {
  it('lets a lone edit of another service out among the next responses, however it goes on', () => {
    // One unanswered response of each type, and one more of each with the resources that were due
    // before the edit.
    const soon = 10;
    fc.assert(
      fc.property(fc.array(event, { minLength: 20, maxLength: 50 }), fc.nat(19), (events, moment) => {
        const plane = new ControlPlane();
        const proxy = new Proxy(plane);
        while (proxy.answer());
        let before: number | undefined;
        for (const [index, { kind, round, parts, answers }] of events.entries()) {
          if (index === moment) {
            plane.apply({ put: [makeHttpRoute(quiet, 77)], removed: [] }, 0);
            before = proxy.received.length;
          }
          plane.apply(makeEdit(kind, services, round), parts);
          proxy.take();
          for (let count = 0; count < answers; count += 1) proxy.answer();
          if (before === undefined || proxy.received.length < before + soon) continue;
          const since = proxy.received.slice(before, before + soon);
          expect(since.some(carriesLoneEdit)).toBe(true);
          return;
        }
      }),
      trialsOf('storms'),
    );
  });
});

function carriesLoneEdit({ typeUrl, resources }: DeltaResponse): boolean {
  return typeUrl === typeUrls.routeConfiguration && resources.some(({ name }) => name.includes('s00009.'));
}

describe('many proxies that come back', () => {
  const plane = new ControlPlane();
  const first = new Proxy(plane);
  while (first.answer());
  const held = first.holds();

  it('are sent nothing when they have everything, and what changed when they have not', () => {
    const back = Array.from({ length: 100 }, () => new Proxy(plane, held));
    expect(back.flatMap(({ received }) => received)).toEqual([]);
    const stale = held.map((resource) =>
      resource.name.includes('s00009.') ? { ...resource, version: 'old' } : resource,
    );
    const sent = new Proxy(plane, stale);
    while (sent.answer());
    expect(new Set(sent.holds().map(({ name }) => name.includes('s00009.')))).toEqual(new Set([true]));
  });

  it('share every resource that they are sent, so that none is rendered or encoded again', () => {
    const rendered = new Set(held);
    const fresh = Array.from({ length: 20 }, () => {
      const proxy = new Proxy(plane);
      while (proxy.answer());
      return proxy.holds();
    });
    for (const resources of fresh) {
      expect(resources.length).toBe(held.length);
      expect(resources.filter((resource) => !rendered.has(resource))).toEqual([]);
    }
  });
});
