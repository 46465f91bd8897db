// A lone edit touches only the parts that it concerns.

import { describe, expect, it } from 'vitest';
import type { EncodedResource } from '../../envoy-api/index.ts';
import { type AnyMeshObject, MeshStore } from '../../mesh/index.ts';
import {
  authentication,
  byHeader,
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
import type { ResourceChanges } from './served-resources.ts';

describe('the incremental generator', () => {
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

  it.each([
    [
      'a new key of an issuer',
      keyDocument('k', publicKeys[1]),
      [keyDocument('k', publicKeys[0]), authentication('bb', 'k')],
    ],
    ['a CUSTOM policy', customPolicy('bb', 'p'), [meshConfig('p', 'a', 'old.example')]],
  ] as const)('changes the routes of one service for %s', (_, edit, before) => {
    expect(names(edited(edit, before)?.upserts)).toEqual([
      'RouteConfiguration inbound-vip|80|http|bb.shop.svc.cluster.local',
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

  it.each([
    ['their destinations', tcpRules('a', 'bb', 'ops'), tcpRules('a', 'ccc', 'ops')],
    ['the conditions', tcpRules('a', 'a', 'lab'), tcpRules('a', 'a', 'ops')],
  ])('changes the routes of the tunnels to one TCP port for an edit of %s', (_, edit, before) => {
    const changes = edited(edit, [service('a', undefined, 'tcp'), before]);
    expect(names(changes?.upserts)).toEqual(['RouteConfiguration connect|80|a.shop.svc.cluster.local']);
    expect(changes?.removals).toEqual([]);
  });

  it('changes connection managers only for an edit of the access log', () => {
    const before = meshConfig('p', 'a', 'old.example');
    const spec = { ...before.spec, accessLogFile: '/dev/stderr' };
    const changes = edited({ ...before, spec } as AnyMeshObject, [before]);
    expect(new Set(names(changes?.upserts).map((name) => name.split(' ')[0]))).toEqual(
      new Set(['TypedExtensionConfig']),
    );
    expect(changes?.removals).toEqual([]);
  });

  it('adds a service with resources of its own, and removes them with it', () => {
    const own = [
      'Cluster inbound-vip|80|http|dddd.shop.svc.cluster.local',
      'ClusterLoadAssignment inbound-vip|80|http|dddd.shop.svc.cluster.local',
      'RouteConfiguration connect|80|dddd.shop.svc.cluster.local',
      'RouteConfiguration inbound-vip|80|http|dddd.shop.svc.cluster.local',
      'ScopedRouteConfiguration inbound-vip|80|http|dddd.shop.svc.cluster.local',
    ];
    const isScope = (name: string): boolean => name.startsWith('ScopedRouteConfiguration connect|');
    const added = names(edited(service('dddd', undefined, 'http'))?.upserts);
    expect(added.filter((name) => !isScope(name))).toEqual(own);
    expect(added.filter(isScope).length).toBeGreaterThan(0);
    const removed = edited(service('dddd', 'none', 'http'), [service('dddd', undefined, 'http')]);
    expect(removed?.upserts).toEqual([]);
    expect(names(removed?.removals)).toEqual(added);
  });
});
