// Where a TCP port is decided: its listener and its policies have to agree, or nobody asks them.

import { describe, expect, it } from 'vitest';
import { typeUrls } from '../../../envoy-api/index.ts';
import { defaultMeshSettings, MeshStore, parseManifest } from '../../../mesh/index.ts';
import { translateWaypoint } from '../../whole/waypoint.ts';
import { resolveGateway } from '../waypoint/gateway.ts';
import { resolveListeners } from './listeners.ts';

const waypoint = { namespace: 'shop', name: 'waypoint' };

function entry(name: string, host: string, addresses: readonly string[], port: string): string {
  return `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ${name}, namespace: shop }
spec: { hosts: [${host}], addresses: ${JSON.stringify(addresses)}, resolution: STATIC, endpoints: [{ address: 10.0.0.9 }], ports: [${port}] }
---`;
}

function meshOf(...texts: readonly string[]): MeshStore {
  const mesh = new MeshStore(defaultMeshSettings);
  const surroundings = `
apiVersion: v1
kind: Namespace
metadata: { name: shop, labels: { istio.io/use-waypoint: waypoint } }
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: waypoint, namespace: shop }
spec: { gatewayClassName: istio-waypoint, listeners: [{ name: mesh, port: 15008, protocol: HBONE }] }
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: closed, namespace: shop }
spec: { targetRefs: [{ group: networking.istio.io, kind: ServiceEntry, name: db }], rules: [] }
---`;
  const { objects, findings } = parseManifest('mesh.yaml', [surroundings, ...texts].join(''));
  expect(findings).toEqual([]);
  mesh.apply(objects.map((object) => ({ type: 'put', object })));
  return mesh;
}

const tcp = '{ number: 5432, name: tcp, protocol: TCP }';

/** Where the port of `db.example` is decided, by its listener. */
function verdictOf(mesh: MeshStore): string | undefined {
  const context = { mesh, report: () => undefined };
  const gateway = resolveGateway(mesh, waypoint);
  const served = gateway === undefined ? [] : resolveListeners(context, gateway).served;
  return served.find(({ address }) => address.host === 'db.example')?.address.tcpVerdict;
}

it('leads connections to workloads to chains that are there, whichever services declare a port', () => {
  const mesh = new MeshStore(defaultMeshSettings);
  const { objects } = parseManifest(
    'mesh.yaml',
    `
apiVersion: v1
kind: Namespace
metadata: { name: shop, labels: { istio.io/use-waypoint: waypoint } }
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: waypoint, namespace: shop, labels: { istio.io/waypoint-for: all } }
spec: { gatewayClassName: istio-waypoint, listeners: [{ name: mesh, port: 15008, protocol: HBONE }] }
---
apiVersion: v1
kind: Service
metadata: { name: db, namespace: shop }
spec: { clusterIP: 10.9.0.1, selector: { app: all }, ports: [{ name: tcp, port: 3306 }] }
---
apiVersion: v1
kind: Service
metadata: { name: web, namespace: shop }
spec: { clusterIP: None, selector: { app: all }, ports: [{ name: http, port: 3306 }] }
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: all, namespace: shop }
spec: { address: 10.0.0.9, labels: { app: all } }
`,
  );
  mesh.apply(objects.map((object) => ({ type: 'put', object })));
  const { resources } = translateWaypoint(mesh, waypoint);
  const listener = resources.find(({ typeUrl, name }) => typeUrl === typeUrls.listener && name === 'main_internal');
  const { filter_chains: chains, filter_chain_matcher: matcher } = { ...listener?.json };
  const named = [...JSON.stringify(matcher).matchAll(/StringValue","value":"([^"]+)"/g)].map(([, name]) => ({ name }));
  expect(named.length).toBeGreaterThan(0);
  expect(chains).toEqual(expect.arrayContaining(named.map((chain) => expect.objectContaining(chain) as unknown)));
});

describe('the verdict of a TCP port', () => {
  it('falls on the CONNECT where a list of addresses can name it', () => {
    expect(verdictOf(meshOf(entry('db', 'db.example', ['10.9.0.1'], tcp)))).toBe('connect');
  });

  it('falls in the chain for a range of addresses, and where the client is sniffed first', () => {
    expect(verdictOf(meshOf(entry('db', 'db.example', ['10.9.0.1', '198.51.100.0/24'], tcp)))).toBe('chain');
    expect(verdictOf(meshOf(entry('db', 'db.example', ['10.9.0.1'], '{ number: 5432, name: db }')))).toBe('chain');
  });

  it('falls somewhere also when the range that a service claims is another one’s', () => {
    const mesh = meshOf(
      entry('a', 'a.example', ['198.51.100.0/24'], tcp),
      entry('db', 'db.example', ['10.9.0.1', '198.51.100.0/24'], tcp),
    );
    const { resources } = translateWaypoint(mesh, waypoint);
    const chain = 'inbound-vip|5432|tcp|db.example';
    const listener = resources.find(({ typeUrl, name }) => typeUrl === typeUrls.listener && name === 'main_internal');
    expect(JSON.stringify(listener?.json)).toContain(`"allow|${chain}"`);
    expect(resources.find(({ name }) => name === `allow|${chain}`)?.json).toMatchObject({
      typed_config: { rules: { action: 'ALLOW', policies: {} } },
    });
  });
});
