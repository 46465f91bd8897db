// The node proxy's view of a mesh: the owners of addresses, and everything that is refused rather
// than guessed.

import { describe, expect, it } from 'vitest';
import { type AnyMeshObject, type Finding, MeshStore } from '../../../mesh/index.ts';
import type { NodeModel } from '../../model/node.ts';
import { resolveNode } from './node.ts';

function meta(
  name: string,
  labels: Readonly<Record<string, string>> = {},
  namespace = 'default',
): AnyMeshObject['metadata'] {
  return { name, namespace, labels, annotations: {} };
}

function workload(
  name: string,
  spec: Extract<AnyMeshObject, { kind: 'WorkloadEntry' }>['spec'],
  captured = true,
): AnyMeshObject {
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'WorkloadEntry',
    metadata: meta(name, captured ? { 'networking.istio.io/tunnel': 'http' } : {}),
    spec: { labels: { app: name }, ...spec },
  };
}

function service(name: string, clusterIP: string, waypoint?: string, targetPort?: number | string): AnyMeshObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: meta(name, waypoint === undefined ? {} : { 'istio.io/use-waypoint': waypoint }),
    spec: {
      clusterIP,
      selector: { app: name },
      ports: [
        { name: 'http', port: 80, ...(targetPort === undefined ? {} : { targetPort }) },
        { name: 'dns', port: 53, protocol: 'UDP' },
      ],
    },
  };
}

function gateway(
  name: string,
  ...addresses: readonly { readonly type?: string; readonly value: string }[]
): AnyMeshObject {
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'Gateway',
    metadata: meta(name),
    spec: {
      gatewayClassName: 'istio-waypoint',
      listeners: [{ name: 'mesh', port: 15008, protocol: 'HBONE' }],
      addresses,
    },
  };
}

function resolve(...objects: readonly AnyMeshObject[]): {
  readonly model: NodeModel;
  readonly findings: readonly Finding[];
} {
  const mesh = new MeshStore();
  mesh.apply(objects.map((object) => ({ type: 'put', object })));
  const findings: Finding[] = [];
  const model = resolveNode({ mesh, report: (finding) => void findings.push(finding) }, { address: '10.0.0.1' });
  return { model, findings };
}

describe('workloads', () => {
  it('have the identity of their service account, else of "default"', () => {
    const { model } = resolve(
      workload('b', { address: '10.0.0.3' }),
      workload('a', { address: '10.0.0.2', serviceAccount: 'shop' }),
    );
    expect(model.workloads.map(({ name, identity }) => [name, identity])).toEqual([
      ['a', 'spiffe://cluster.local/ns/default/sa/shop'],
      ['b', 'spiffe://cluster.local/ns/default/sa/default'],
    ]);
  });

  it('accept the target ports of their services and their own ports, but never the tunnel’s', () => {
    const { model } = resolve(
      service('a', '10.1.0.1', undefined, 'web'),
      workload('a', { address: '10.0.0.2', ports: { web: 8080, admin: 9090, tunnel: 15008 } }),
      service('b', '10.1.0.2', undefined, 15008),
      workload('b', { address: '10.0.0.3' }),
    );
    expect(model.workloads.map(({ ports }) => ports)).toEqual([[8080, 9090], []]);
  });

  it('that share an address are reported, and the second one is nobody', () => {
    const { model, findings } = resolve(
      workload('a', { address: '10.0.0.2' }),
      workload('b', { address: '10.0.0.2', serviceAccount: 'admin' }),
    );
    expect(model.workloads.map(({ name }) => name)).toEqual(['a']);
    expect(findings).toMatchObject([{ code: 'AddressConflict', ref: { name: 'b' }, path: ['spec', 'address'] }]);
  });

  it.each([
    ['no address', {}, 'AddressInvalid'],
    ['a host name and an identity', { address: 'vm.example.com', serviceAccount: 'vm' }, 'AddressInvalid'],
    ['a socket and an identity', { address: 'unix:///run/a', serviceAccount: 'vm' }, 'AddressInvalid'],
    ['a service account that no certificate can carry', { address: '10.0.0.2', serviceAccount: 'a/b' }, 'InvalidValue'],
  ])('with %s take no part, and are reported', (_, spec, code) => {
    const { model, findings } = resolve(workload('a', spec));
    expect(model.workloads).toEqual([]);
    expect(findings.map((finding) => finding.code)).toEqual([code]);
  });

  it('that are known by a name alone are elsewhere, and no mistake', () => {
    const { model, findings } = resolve(workload('a', { address: 'vm.example.com' }));
    expect([model.workloads, findings]).toEqual([[], []]);
  });
});

describe('services', () => {
  it('go to the address and the identity of their waypoint', () => {
    const { model } = resolve(service('a', '10.1.0.1', 'wp'), gateway('wp', { type: 'IPAddress', value: '10.2.0.1' }));
    expect(model.services).toEqual([
      {
        namespace: 'default',
        host: 'a.default.svc.cluster.local',
        port: 80,
        destination: {
          kind: 'waypoint',
          waypoint: {
            gateway: { namespace: 'default', name: 'wp' },
            identity: 'spiffe://cluster.local/ns/default/sa/wp',
            address: '10.2.0.1',
          },
        },
      },
    ]);
  });

  it.each([
    ['no address', []],
    ['a host name', [{ type: 'Hostname', value: 'wp.example.com' }]],
  ])('whose waypoint has %s are refused, not reached directly; one Finding says so', (_, addresses) => {
    const { model, findings } = resolve(
      service('a', '10.1.0.1', 'wp'),
      service('b', '10.1.0.2', 'wp'),
      workload('a', { address: '10.0.0.2' }),
      gateway('wp', ...addresses),
    );
    expect(model.services).toEqual([]);
    expect(findings).toMatchObject([{ code: 'AddressInvalid', ref: { kind: 'Gateway', name: 'wp' } }]);
  });

  it('without a waypoint go to their endpoints, through a tunnel where there is one', () => {
    const { model } = resolve(service('a', '10.1.0.1', undefined, 8080), workload('a', { address: '10.0.0.2' }), {
      ...workload('old', { address: '10.0.0.3', labels: { app: 'a' }, weight: 3 }, false),
    });
    const [found] = model.services;
    expect(found?.destination).toEqual({
      kind: 'direct',
      endpoints: [
        { address: '10.0.0.2', port: 8080, weight: 1, workload: model.workloads[0] },
        { address: '10.0.0.3', port: 8080, weight: 3 },
      ],
    });
  });

  it('get no connection at a tunnel whose identity is unknown', () => {
    const { model, findings } = resolve({
      apiVersion: 'networking.istio.io/v1',
      kind: 'ServiceEntry',
      metadata: meta('a'),
      spec: {
        hosts: ['a.example.com'],
        addresses: ['10.1.0.1', '10.1.0.0/24'],
        resolution: 'STATIC',
        ports: [{ number: 80, name: 'http' }],
        endpoints: [{ address: '10.0.0.9', labels: { 'networking.istio.io/tunnel': 'http' } }],
      },
    });
    expect(model.services).toMatchObject([{ destination: { kind: 'direct', endpoints: [] } }]);
    expect(model.addresses).toMatchObject([{ address: '10.1.0.1', port: 80, service: model.services[0] }]);
    expect(findings.map(({ code }) => code)).toEqual(['NotServed', 'NotServed']);
    expect(findings[1]?.message).toContain('the range 10.1.0.0/24');
  });

  it('that claim the address of another service, a waypoint or the proxy are reported: one listener cannot have it twice', () => {
    const { model, findings } = resolve(
      service('a', '10.1.0.1'),
      service('b', '10.1.0.1'),
      service('d', '10.2.0.1'),
      service('e', '10.0.0.1'),
      gateway('wp', { value: '10.2.0.1' }),
    );
    expect(model.services.map(({ host }) => host)).toEqual(['a.default.svc.cluster.local']);
    expect(findings.map(({ code, ref }) => `${code} ${ref.name}`)).toEqual([
      'AddressConflict b',
      'AddressConflict d',
      'AddressConflict e',
    ]);
  });
});
