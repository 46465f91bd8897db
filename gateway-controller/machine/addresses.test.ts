import { describe, expect, test } from 'vitest';
import type { AnyMeshObject } from '../../mesh/index.ts';
import { allocateAddresses, parseAddressBlock } from './addresses.ts';

const block = { octet: 70 };

function metadata(name: string): AnyMeshObject['metadata'] {
  return { name, namespace: 'default', labels: {}, annotations: {} };
}

function service(name: string, clusterIP?: string): AnyMeshObject {
  const spec = { ports: [{ port: 80 }], ...(clusterIP === undefined ? {} : { clusterIP }) };
  return { apiVersion: 'v1', kind: 'Service', metadata: metadata(name), spec };
}

function workload(name: string, address?: string): AnyMeshObject {
  const spec = address === undefined ? {} : { address };
  return { apiVersion: 'networking.istio.io/v1', kind: 'WorkloadEntry', metadata: metadata(name), spec };
}

function entry(name: string, more: object = {}): AnyMeshObject {
  const spec = { hosts: [`${name}.example`], resolution: 'STATIC' as const, ...more };
  return { apiVersion: 'networking.istio.io/v1', kind: 'ServiceEntry', metadata: metadata(name), spec };
}

function gateway(name: string, gatewayClassName = 'istio-waypoint'): AnyMeshObject {
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'Gateway',
    metadata: metadata(name),
    spec: { gatewayClassName },
  };
}

describe('allocateAddresses', () => {
  test('services, workloads and waypoints get an address of their own range; other Gateways get none', () => {
    const objects = [service('a'), workload('b'), gateway('c'), gateway('ingress', 'nginx')];
    const result = allocateAddresses(objects, { block, previous: {} });
    expect(result.allocations).toEqual({
      'Service default/a': '127.70.128.1',
      'WorkloadEntry default/b': '127.70.1.1',
      'Gateway default/c': '127.70.0.10',
    });
    expect(result.objects[0]?.spec).toMatchObject({ clusterIP: '127.70.128.1' });
    expect(result.objects[1]?.spec).toMatchObject({ address: '127.70.1.1' });
    expect(result.objects[2]?.spec).toMatchObject({ addresses: [{ type: 'IPAddress', value: '127.70.0.10' }] });
    expect(result.objects[3]).toBe(objects[3]);
  });

  test('the order of the objects changes no address', () => {
    const objects = [service('a'), service('b'), service('c')];
    expect(allocateAddresses(objects.toReversed(), { block, previous: {} }).allocations).toEqual(
      allocateAddresses(objects, { block, previous: {} }).allocations,
    );
  });

  test('an object that appears before others moves none of them, and what went is given out again', () => {
    const first = allocateAddresses([service('b'), service('c')], { block, previous: {} });
    const second = allocateAddresses([service('a'), service('c')], { block, previous: first.allocations });
    expect(second.allocations).toEqual({
      'Service default/a': first.allocations['Service default/b'],
      'Service default/c': first.allocations['Service default/c'],
    });
  });

  test('a written address is given to nobody else', () => {
    const result = allocateAddresses([service('a'), service('b', '127.70.128.1')], { block, previous: {} });
    expect(result.allocations).toEqual({ 'Service default/a': '127.70.128.2' });
  });

  test('who has an address keeps it when another one writes it, except that a Service goes before a ServiceEntry', () => {
    const { allocations } = allocateAddresses([service('a'), entry('e'), workload('w')], { block, previous: {} });
    const [serviceAddress, entryAddress, workloadAddress] = Object.keys(allocations)
      .sort((left, right) => (left < right ? -1 : 1))
      .map((key) => allocations[key] ?? '');
    const again = (...others: readonly AnyMeshObject[]): Readonly<Record<string, string>> =>
      allocateAddresses([service('a'), entry('e'), workload('w'), ...others], { block, previous: allocations })
        .allocations;
    const claims = [entryAddress, serviceAddress, workloadAddress].map((address) => ({ addresses: [`${address}/32`] }));
    expect(again(...claims.map((claim, index) => entry(`x${index}`, claim)))).toEqual(allocations);
    expect(again(entry('x', { endpoints: [{ address: workloadAddress ?? '' }] }))).toMatchObject(allocations);
    expect(again(service('b', serviceAddress), workload('v', workloadAddress))).toEqual(allocations);
    expect(again(service('b', workloadAddress))).toEqual(allocations);
    expect(again(service('b', entryAddress))['ServiceEntry default/e']).not.toBe(entryAddress);
  });

  test('a Gateway that writes the address of something else is not run', () => {
    const at = (name: string, value: string): AnyMeshObject =>
      ({
        ...gateway(name),
        spec: { gatewayClassName: 'istio-waypoint', addresses: [{ value }] },
      }) as AnyMeshObject;
    const { allocations } = allocateAddresses([service('a'), gateway('wp')], { block, previous: {} });
    const others = [
      at('b', allocations['Gateway default/wp'] ?? ''),
      at('c', allocations['Service default/a'] ?? ''),
      at('d', '127.70.0.1'),
      at('e', '127.70.0.2'),
      at('f', '127.70.0.99'),
      at('g', '127.70.0.99'),
    ];
    const { objects, findings } = allocateAddresses([service('a'), gateway('wp'), ...others], {
      block,
      previous: allocations,
    });
    expect(findings.map(({ ref }) => ref.name)).toEqual(['b', 'c', 'd', 'e', 'g']);
    expect(
      objects.map(({ metadata: { name }, spec }) => [name, 'addresses' in spec ? spec.addresses : undefined]),
    ).toEqual([
      ['a', undefined],
      ['wp', [{ type: 'IPAddress', value: '127.70.0.10' }]],
      ['b', []],
      ['c', []],
      ['d', []],
      ['e', []],
      ['f', [{ value: '127.70.0.99' }]],
      ['g', []],
    ]);
  });

  test('a headless service stays without a virtual address', () => {
    const objects = [service('a', 'None')];
    expect(allocateAddresses(objects, { block, previous: {} })).toMatchObject({ objects, allocations: {} });
  });

  test('an address of another block is not kept', () => {
    const previous = { 'Service default/a': '127.71.128.1' };
    expect(allocateAddresses([service('a')], { block, previous }).allocations).toEqual({
      'Service default/a': '127.70.128.1',
    });
  });

  test('the copy of an unchanged object is the same value', () => {
    const objects = [service('a')];
    const first = allocateAddresses(objects, { block, previous: {} });
    const second = allocateAddresses(objects, { block, previous: first.allocations });
    expect(second.objects[0]).toBe(first.objects[0]);
  });

  test('a range that is used up is an error Finding for the object that got nothing', () => {
    const waypoints = Array.from({ length: 247 }, (_, index) => gateway(`g${String(index).padStart(3, '0')}`));
    const { findings, allocations } = allocateAddresses(waypoints, { block, previous: {} });
    expect(Object.keys(allocations)).toHaveLength(246);
    expect(findings).toMatchObject([{ code: 'AddressConflict', severity: 'error', ref: { name: 'g246' } }]);
  });

  test('the several hosts of a ServiceEntry do not come to share an address', () => {
    const entry: AnyMeshObject = {
      apiVersion: 'networking.istio.io/v1',
      kind: 'ServiceEntry',
      metadata: metadata('e'),
      spec: { hosts: ['a.example', 'b.example'], resolution: 'STATIC' },
    };
    const { objects, allocations } = allocateAddresses([entry], { block, previous: {} });
    expect(Object.keys(allocations)).toEqual(['ServiceEntry default/e a.example', 'ServiceEntry default/e b.example']);
    expect(objects).toMatchObject([
      { spec: { hostAddresses: { 'a.example': ['127.70.128.1'], 'b.example': ['127.70.128.2'] } } },
    ]);
  });

  test('a ServiceEntry that goes where the client dialled gets no address, which would lead back to itself', () => {
    const entry: AnyMeshObject = {
      apiVersion: 'networking.istio.io/v1',
      kind: 'ServiceEntry',
      metadata: metadata('e'),
      spec: { hosts: ['a.example'], resolution: 'NONE' },
    };
    expect(allocateAddresses([entry], { block, previous: {} }).allocations).toEqual({});
  });
});

test('an address block is one /16 of the loopback network', () => {
  expect(parseAddressBlock('127.64.0.0/16')).toEqual({ octet: 64 });
  for (const text of ['127.0.0.0/16', '127.255.0.0/16', '127.64.0.0/8', '10.0.0.0/16', '127.64.1.0/16', 'x'])
    expect(parseAddressBlock(text)).toBeUndefined();
});
