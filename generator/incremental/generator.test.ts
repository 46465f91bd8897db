// After any sequence of edits the incremental generator serves what a full translation would serve, byte for byte; and a lone edit
// touches nothing but what it means.

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeResource, type EncodedResource, typeUrls } from '../../envoy-api/index.ts';
import { type AnyMeshObject, type MeshChange, MeshStore } from '../../mesh/index.ts';
import {
  authentication,
  byHeader,
  change,
  customPolicy,
  destinationRule,
  failingOver,
  gateway,
  keyDocument,
  meshConfig,
  policy,
  publicKeys,
  put,
  service,
  shop,
  tcpRules,
  virtualService,
  workload,
} from '../../test/support/random-shop.ts';
import { Generator } from './generator.ts';
import { analyzeMesh, listWaypoints, translateWaypoint } from '../whole/waypoint.ts';
import type { ResourceChanges } from './waypoint-state.ts';

/** What a proxy holds after it has taken every update. */
class Proxy {
  readonly held = new Map<string, string>();

  take({ upserts, removals }: ResourceChanges): void {
    for (const { typeUrl, name } of removals) {
      expect(this.held.delete(`${typeUrl} ${name}`), `removal of ${name}, which was never sent`).toBe(true);
    }
    for (const { typeUrl, name, version } of upserts) this.held.set(`${typeUrl} ${name}`, version);
  }
}

function expectFullTranslation(store: MeshStore, proxies: ReadonlyMap<string, Proxy>): void {
  const expected = new Map(
    listWaypoints(store).map((key) => [
      `waypoint/${key.namespace}/${key.name}`,
      translateWaypoint(store, key).resources.map(encodeResource),
    ]),
  );
  expect([...proxies.keys()].sort()).toEqual([...expected.keys()].sort());
  for (const [name, resources] of expected) {
    const wanted = resources.map(({ typeUrl, name: resource, version }) => [`${typeUrl} ${resource}`, version]);
    expect(Object.fromEntries(proxies.get(name)?.held ?? [])).toEqual(Object.fromEntries(wanted));
  }
}

describe('the incremental generator', () => {
  /** Applies batch after batch, and compares with a full translation when `compares` says so. */
  const run = (batches: readonly (readonly MeshChange[])[], compares: (index: number) => boolean): void => {
    const store = new MeshStore();
    const generator = new Generator(store);
    const proxies = new Map<string, Proxy>();
    for (const [index, batch] of [shop.map(put), ...batches].entries()) {
      generator.invalidate(store.apply(batch));
      const update = generator.advance();
      for (const name of update.removedProxies) proxies.delete(name);
      for (const [name, changes] of update.proxies) {
        const proxy = proxies.get(name) ?? new Proxy();
        proxies.set(name, proxy);
        proxy.take(changes);
      }
      if (!compares(index)) continue;
      expectFullTranslation(store, proxies);
      expect(generator.findings()).toEqual(analyzeMesh(store));
    }
  };
  const batch = fc.array(change, { minLength: 1, maxLength: 4 });

  it('equals a full translation after each of a sequence of edits', () => {
    fc.assert(
      fc.property(fc.array(batch, { maxLength: 12 }), (batches) => run(batches, () => true)),
      { numRuns: 100 },
    );
  }, 300_000);

  it('equals a full translation at the end of any of two thousand sequences', () => {
    fc.assert(
      fc.property(fc.array(batch, { minLength: 1, maxLength: 6 }), (batches) =>
        run(batches, (index) => index === batches.length),
      ),
      { numRuns: 2000 },
    );
  }, 600_000);

  const edited = (edit: AnyMeshObject, before: readonly AnyMeshObject[] = []): ResourceChanges | undefined => {
    const store = new MeshStore();
    const generator = new Generator(store);
    generator.invalidate(store.apply([...shop, ...before].map(put)));
    generator.advance();
    generator.invalidate(store.apply([put(edit)]));
    return generator.advance().proxies.get('waypoint/shop/waypoint');
  };

  const names = (resources: readonly Pick<EncodedResource, 'typeUrl' | 'name'>[] | undefined): readonly string[] =>
    (resources ?? []).map(({ typeUrl, name }) => `${typeUrl.slice(typeUrl.lastIndexOf('.') + 1)} ${name}`).sort();

  it('changes one route configuration for an edit of a VirtualService', () => {
    const changes = edited(virtualService('a', 'a', 'vv', 2), [virtualService('a', 'a', 'v', 1)]);
    expect(names(changes?.upserts)).toEqual(['RouteConfiguration inbound-vip|80|http|a.shop.svc.cluster.local']);
    expect(changes?.removals).toEqual([]);
  });

  it('changes one route configuration for an edit of an AuthorizationPolicy', () => {
    const changes = edited(policy('bb', 'ALLOW', 'y'), [policy('bb', 'ALLOW', 'x')]);
    expect(names(changes?.upserts)).toEqual(['RouteConfiguration inbound-vip|80|http|bb.shop.svc.cluster.local']);
  });

  it('changes one extension configuration for a new key of an issuer', () => {
    const [one, two] = publicKeys;
    const changes = edited(keyDocument('k', two), [keyDocument('k', one), authentication('bb', 'k')]);
    expect(names(changes?.upserts)).toEqual(['TypedExtensionConfig jwt|inbound-vip|80|http|bb.shop.svc.cluster.local']);
  });

  it('changes routes and authorizer of one service for a CUSTOM policy', () => {
    const changes = edited(customPolicy('bb', 'p'), [meshConfig('p', 'a', 'old.example')]);
    expect(names(changes?.upserts)).toEqual([
      'RouteConfiguration inbound-vip|80|http|bb.shop.svc.cluster.local',
      'TypedExtensionConfig custom|inbound-vip|80|http|bb.shop.svc.cluster.local',
    ]);
  });

  it('changes the endpoints of the clusters that a workload is in, and nothing else', () => {
    const moved = workload('a', 'v');
    const changes = edited({ ...moved, spec: { ...moved.spec, address: '10.9.9.9' } } as AnyMeshObject);
    expect(names(changes?.upserts)).toEqual([
      'ClusterLoadAssignment inbound-vip|80|http/v|a.shop.svc.cluster.local',
      'ClusterLoadAssignment inbound-vip|80|http|a.shop.svc.cluster.local',
    ]);
  });

  it('changes clusters only for an edit of what a DestinationRule hashes by', () => {
    const changes = edited(destinationRule('a', ['v'], byHeader('y')), [destinationRule('a', ['v'], byHeader('x'))]);
    expect(names(changes?.upserts)).toEqual([
      'Cluster inbound-vip|80|http/v|a.shop.svc.cluster.local',
      'Cluster inbound-vip|80|http|a.shop.svc.cluster.local',
    ]);
    expect(changes?.removals).toEqual([]);
  });

  it('changes endpoints only when a waypoint moves', () => {
    const changes = edited(gateway('waypoint', 'service', 'eu/b'), [destinationRule('a', [], failingOver)]);
    expect(names(changes?.upserts)).toEqual(['ClusterLoadAssignment inbound-vip|80|http|a.shop.svc.cluster.local']);
  });

  it('adds the cluster of a foreign host with the first route that names it', () => {
    const changes = edited(virtualService('a', 'ccc', undefined, 1), [service('ccc', 'none', 'http')]);
    expect(names(changes?.upserts)).toEqual([
      'Cluster outbound|80||ccc.shop.svc.cluster.local',
      'ClusterLoadAssignment outbound|80||ccc.shop.svc.cluster.local',
      'RouteConfiguration inbound-vip|80|http|a.shop.svc.cluster.local',
    ]);
  });

  it('changes where the connections of a TCP port go without touching a listener', () => {
    const changes = edited(tcpRules('a', 'bb', 'ops'), [service('a', undefined, 'tcp'), tcpRules('a', 'ccc', 'ops')]);
    expect(names(changes?.upserts)).toEqual([
      'TypedExtensionConfig tcp_proxy|inbound-vip|80|tcp|a.shop.svc.cluster.local|source.namespace=ops',
    ]);
    expect(changes?.removals).toEqual([]);
  });

  it('gives a new condition of a TCP port a chain of its own', () => {
    const changes = edited(tcpRules('a', 'a', 'lab'), [service('a', undefined, 'tcp'), tcpRules('a', 'a', 'ops')]);
    const chain = 'tcp_proxy|inbound-vip|80|tcp|a.shop.svc.cluster.local|source.namespace';
    expect(names(changes?.upserts)).toEqual(['Listener main_internal', `TypedExtensionConfig ${chain}=lab`]);
    expect(names(changes?.removals)).toEqual([`TypedExtensionConfig ${chain}=ops`]);
  });

  it('leaves other listeners than main_internal alone when a service appears', () => {
    const changes = edited(service('dddd', undefined, 'http'));
    expect(names(changes?.upserts).filter((name) => name.startsWith('Listener'))).toEqual(['Listener main_internal']);
    expect((changes?.upserts ?? []).some(({ typeUrl }) => typeUrl === typeUrls.secret)).toBe(false);
  });
});
