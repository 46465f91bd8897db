// A lone edit touches only the parts that it concerns.

import { describe, expect, it } from 'vitest';
import { type EncodedResource, typeUrls } from '../../envoy-api/index.ts';
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
