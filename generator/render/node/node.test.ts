// The rendered node proxy: the properties of every tunnel, and that the same mesh gives the same
// bytes.

import { assert as assertProperty, property, shuffledSubarray } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkResource, encodeResource, type EnvoyResource, typeUrls } from '../../../envoy-api/index.ts';
import { type AnyMeshObject, MeshStore } from '../../../mesh/index.ts';
import type { NodeAddress, NodeModel, NodeService, NodeWorkload } from '../../model/node.ts';
import { translateNode } from '../../whole/node.ts';
import { renderNode } from './node.ts';

function workload(name: string, address: string, ...ports: readonly number[]): NodeWorkload {
  return { namespace: 'default', name, address, ports, identity: `spiffe://cluster.local/ns/default/sa/${name}` };
}

const sleep = workload('sleep', '10.0.0.2');
const details = workload('details', '10.0.0.3', 9080);
const six = workload('six', 'fd00::6', 9080);

const detailsService: NodeService = {
  namespace: 'default',
  host: 'details.default.svc.cluster.local',
  port: 9080,
  destination: {
    kind: 'direct',
    endpoints: [
      { address: details.address, port: 9080, weight: 1, workload: details },
      { address: six.address, port: 9080, weight: 0, workload: six },
      { address: '10.9.0.1', port: 80, weight: 1 },
    ],
  },
};
const reviewsService: NodeService = {
  namespace: 'default',
  host: 'reviews.default.svc.cluster.local',
  port: 9080,
  destination: {
    kind: 'waypoint',
    waypoint: {
      gateway: { namespace: 'default', name: 'wp' },
      identity: 'spiffe://cluster.local/ns/default/sa/wp',
      address: '10.2.0.1',
    },
  },
};
const at = (address: string, service: NodeService): NodeAddress => ({
  address,
  port: service.port,
  service,
  exceptions: new Map(),
});

const model: NodeModel = {
  trustDomain: 'cluster.local',
  address: '10.0.0.1',
  workloads: [details, six, sleep],
  services: [detailsService, reviewsService],
  addresses: [at('10.1.0.1', detailsService), at('10.1.0.2', reviewsService), at('fd01::1', detailsService)],
};

const named = (resources: readonly EnvoyResource[], name: string): string =>
  JSON.stringify(resources.find((resource) => resource.name === name)?.json);

describe('renderNode', () => {
  const resources = renderNode(model);

  it('renders what the schema accepts', () => {
    for (const resource of resources) {
      expect(checkResource(resource)).toEqual([]);
      expect(encodeResource(resource).bytes.length).toBeGreaterThan(0);
    }
  });

  it('never lets one client’s tunnel carry another’s certificate, address or peer', () => {
    const clusters = resources.filter(({ name }) => /^(waypoint|workload)\|/.test(name));
    expect(clusters).toHaveLength(3 + 3 * 2);
    for (const { name, json } of clusters) {
      const [, client, peer] = name.split('|');
      const owner = model.workloads.find((candidate) => `default/${candidate.name}` === client);
      expect(json).toMatchObject({
        upstream_bind_config: { source_address: { address: owner?.address } },
        transport_socket: {
          typed_config: {
            common_tls_context: {
              tls_params: { tls_minimum_protocol_version: 'TLSv1_3', tls_maximum_protocol_version: 'TLSv1_3' },
              tls_certificate_sds_secret_configs: [{ name: owner?.identity }],
              combined_validation_context: {
                default_validation_context: {
                  match_typed_subject_alt_names: [
                    {
                      san_type: 'URI',
                      matcher: { exact: `spiffe://cluster.local/ns/default/sa/${peer?.split('/')[1]}` },
                    },
                  ],
                },
              },
            },
          },
        },
      });
    }
  });

  it('leads to nothing that does not exist', () => {
    const names = new Set(resources.map(({ name }) => name));
    const text = JSON.stringify(resources);
    const used = [...text.matchAll(/"(?:cluster|server_listener_name)":"([^"]+)"/g)].map(([, name]) => name ?? '');
    expect(used.length).toBeGreaterThan(0);
    expect(used.filter((name) => !names.has(name))).toEqual([]);
  });

  it('writes IPv6 authorities in brackets', () => {
    expect(JSON.stringify(resources)).toContain('"domains":["[fd00::6]:9080"]');
    // A domain is compared without regard to case.
    expect(JSON.stringify(resources)).toContain('"name":":authority","string_match":{"exact":"[fd00::6]:9080"}');
    expect(named(resources, 'direct|default/sleep|9080|default/details.default.svc.cluster.local')).toContain(
      '"local":"[fd00::6]:9080"',
    );
  });

  it('needs no internal listener when every service has a waypoint', () => {
    const behindWaypoint = { ...model, services: [reviewsService], addresses: [at('10.1.0.2', reviewsService)] };
    expect(renderNode(behindWaypoint).filter(({ name }) => /^(originate|workload|direct)\|/.test(name))).toEqual([]);
  });

  it('leaves every other chain and address alone when a service, a port of a workload or a client comes', () => {
    const added = { ...detailsService, host: 'new.default.svc.cluster.local' };
    const changed = renderNode({
      ...model,
      workloads: [{ ...details, ports: [9080, 9090] }, six, sleep, workload('zoe', '10.0.0.9')],
      services: [...model.services, added],
      addresses: [...model.addresses, at('10.1.0.9', added)],
    });
    const listeners = resources.filter(({ typeUrl }) => typeUrl === typeUrls.listener);
    expect(listeners.length).toBeGreaterThan(0);
    for (const { name, json } of listeners) {
      const { filter_chains: before, filter_chain_matcher: _before, ...fixed } = { ...json };
      const now = changed.find((resource) => resource.name === name && resource.typeUrl === typeUrls.listener);
      const { filter_chains: after, filter_chain_matcher: _after, ...stillFixed } = { ...now?.json };
      expect(stillFixed).toEqual(fixed);
      expect(after).toEqual(expect.arrayContaining([before].flat() as unknown[]));
    }
  });

  it('has no listener without an address to listen on', () => {
    const empty = renderNode({ ...model, workloads: [], services: [], addresses: [] });
    const listeners = empty.filter(({ typeUrl }) => typeUrl === typeUrls.listener);
    expect(listeners.filter(({ json }) => json['address'] !== undefined)).toEqual([]);
  });
});

it('gives the same bytes whatever the order of the objects', () => {
  const meta = (name: string, labels: Readonly<Record<string, string>> = {}): AnyMeshObject['metadata'] => ({
    name,
    namespace: 'default',
    labels,
    annotations: {},
  });
  const objects = [1, 2, 3].flatMap((number): AnyMeshObject[] => [
    {
      apiVersion: 'networking.istio.io/v1',
      kind: 'WorkloadEntry',
      metadata: meta(`w${number}`, { 'networking.istio.io/tunnel': 'http' }),
      // Two of them share an address: the winner must not depend on the order.
      spec: { address: `10.0.0.${Math.min(number, 2)}`, labels: { app: 'w' } },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: meta(`s${number}`),
      spec: { clusterIP: `10.1.0.${Math.min(number, 2)}`, selector: { app: 'w' }, ports: [{ port: 80 }, { port: 9 }] },
    },
  ]);
  const translate = (order: readonly AnyMeshObject[]): string => {
    const mesh = new MeshStore();
    for (const object of order) mesh.apply([{ type: 'put', object }]);
    return JSON.stringify(translateNode(mesh, { address: '10.0.0.100' }));
  };
  const expected = translate(objects);
  assertProperty(
    property(shuffledSubarray(objects, { minLength: objects.length }), (order) => {
      expect(translate(order)).toBe(expected);
    }),
    { numRuns: 50 },
  );
});
