// The inputs of a control plane in a cluster beside the mesh itself: keys of issuers, roots of
// backends, and the trust domain.

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { resources } from '../../kubernetes/index.ts';
import {
  apply,
  applyPod,
  applyService,
  applySlice,
  applyWaypoint,
  applyWaypointPod,
  clusterSettings,
  connectWaypoint,
  type RunningControlPlane,
  startControlPlane,
  systemNamespace,
  types,
} from '../support/cluster-mesh.ts';
import { statusOf } from '../support/cluster-writes.ts';
import type { DeltaAdsClient } from '../support/delta-ads-client.ts';
import { startApiServer, type TestApiServer } from '../support/kube-apiserver.ts';
import { createAuthority } from '../support/throwaway-certificates.ts';
import { createIssuer } from '../support/tokens.ts';
import { waitFor } from '../support/wait.ts';

const routes = 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration';
const chain = 'inbound-vip|80|http|web.shop.svc.cluster.local';
const waypoint = { namespace: 'shop', gateway: 'waypoint', pod: 'waypoint-abc' };

let api: TestApiServer;
/** Roots of backends, by name. */
const roots = new Map<string, string>();
let issuerServer: Server;
let keys = createIssuer('https://issuer.example');
/** How often the keys were asked for. */
let fetches = 0;
const planes: RunningControlPlane[] = [];
const streams: DeltaAdsClient[] = [];

beforeAll(async () => {
  issuerServer = createServer((_, response) => {
    fetches += 1;
    response.end(keys.jwks);
  });
  await new Promise<void>((done) => issuerServer.listen(0, '127.0.0.1', done));
  for (const name of ['first', 'second', 'third']) roots.set(name, (await createAuthority(name)).ca);
  api = await startApiServer();
  await api.createNamespace(systemNamespace);
  await api.createNamespace('istio-system');
  await api.createNamespace('shop', { 'istio.io/use-waypoint': 'waypoint' });
  await applyWaypoint(api.client, 'shop', 'waypoint');
  await applyWaypointPod(api.client, 'shop', 'waypoint', 'waypoint-abc');
  await applyService(api.client, { namespace: 'shop', name: 'web' });
  await applyPod(api.client, { namespace: 'shop', name: 'web-1', ip: '10.1.0.1', labels: { app: 'web' } });
  await applySlice(api.client, { namespace: 'shop', service: 'web', endpoints: [{ ip: '10.1.0.1', pod: 'web-1' }] });
}, 240_000);

afterAll(async () => {
  for (const stream of streams) stream.close();
  for (const plane of planes) await plane.controller.stop();
  await api?.stop();
  issuerServer?.close();
  issuerServer?.closeAllConnections();
}, 60_000);

async function start(
  identity: string,
  changes: Parameters<typeof clusterSettings>[1] = {},
): Promise<RunningControlPlane> {
  const plane = await startControlPlane(api.access, clusterSettings(identity, changes));
  planes.push(plane);
  return plane;
}

async function connect(plane: RunningControlPlane): Promise<DeltaAdsClient> {
  const stream = await connectWaypoint(api, plane.grpc, waypoint);
  streams.push(stream);
  return stream;
}

function findingsOf(plane: RunningControlPlane, code: string): readonly string[] {
  return plane.controller.findings().flatMap((finding) => (finding.code === code ? [finding.message] : []));
}

/** A line of a root as it stands in the configuration, too. */
function lineOf(root: string): string {
  const body = (roots.get(root) ?? '').replaceAll(/-----[^-]*-----|\s/g, '');
  return body.slice(64, 128);
}

/** The part of a key that stands in the configuration as it is. */
function modulusOf(jwks: string): string {
  const { keys: list } = JSON.parse(jwks) as { readonly keys: readonly { readonly x?: string }[] };
  return list[0]?.x ?? 'no key';
}

it('serves the keys that an issuer in the cluster gives, from every replica, and from none that may not ask it', async () => {
  const { port } = issuerServer.address() as AddressInfo;
  await apply(api.client, resources.RequestAuthentication, {
    metadata: { namespace: 'shop', name: 'tokens' },
    spec: {
      targetRefs: [{ kind: 'Service', group: '', name: 'web' }],
      jwtRules: [{ issuer: keys.issuer, jwksUri: `http://127.0.0.1:${port}/keys` }],
    },
  });
  for (const identity of ['one', 'two']) {
    const before = fetches;
    const plane = await start(identity, { allowsPrivateJwks: true });
    expect(fetches).toBeGreaterThan(before);
    const stream = await connect(plane);
    stream.subscribe(routes, chain);
    const served = await stream.resource(routes, chain);
    // The first that a proxy hears of the service has the keys.
    expect(Buffer.from(served.value).toString('latin1')).toContain(modulusOf(keys.jwks));
  }
  const before = fetches;
  const careful = await start('careful');
  expect(fetches).toBe(before);
  expect(findingsOf(careful, 'KeysNotFound').join()).toContain('127.0.0.1');
}, 120_000);

it('takes roots from ConfigMaps that a policy names, follows them and no others, and says so in the status of the policy', async () => {
  const plane = await start('roots');
  const give = (name: string, root: string): Promise<unknown> =>
    apply(api.client, resources.ConfigMap, {
      metadata: { namespace: 'shop', name },
      data: { 'ca.crt': roots.get(root) ?? '', other: 'x'.repeat(1000) },
    });
  const policy = (name: string): Promise<unknown> =>
    apply(api.client, resources.BackendTLSPolicy, {
      metadata: { namespace: 'shop', name: 'web' },
      spec: {
        targetRefs: [{ group: '', kind: 'Service', name: 'web' }],
        validation: { hostname: 'web.example', caCertificateRefs: [{ group: '', kind: 'ConfigMap', name }] },
      },
    });
  const stream = await connect(plane);
  const cluster = (): string =>
    Buffer.from(stream.resources.get(types.cluster)?.get(chain)?.value ?? []).toString('latin1');
  /** The entries of the policy's status by controller: the reasons of their conditions. */
  const said = async (): Promise<readonly string[]> => {
    const { ancestors = [] } = statusOf(await api.client.get(resources.BackendTLSPolicy, 'shop', 'web')) as {
      readonly ancestors?: readonly {
        readonly controllerName: string;
        readonly conditions: readonly { readonly reason: string }[];
      }[];
    };
    return ancestors.map(({ controllerName, conditions }) =>
      [controllerName, ...conditions.map(({ reason }) => reason)].join(' '),
    );
  };
  const accepted = 'istio.io/mesh-controller Accepted ResolvedRefs';

  await give('one', 'first');
  await give('unrelated', 'second');
  await policy('one');
  await waitFor(() => cluster().includes(lineOf('first')), { timeout: 20_000 });
  await waitFor(async () => (await said()).join() === accepted, { timeout: 20_000, seen: () => plane.log.join('\n') });
  await give('one', 'second');
  await waitFor(() => cluster().includes(lineOf('second')), { timeout: 20_000 });

  // Another's entry stays, whatever becomes of ours.
  const other = {
    ancestorRef: { group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'ingress' },
    controllerName: 'example.com/other',
    conditions: [
      { type: 'Accepted', status: 'True', reason: 'Accepted', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' },
    ],
  };
  const { ancestors: ours } = statusOf(await api.client.get(resources.BackendTLSPolicy, 'shop', 'web'));
  const ancestors = [...(ours as readonly object[]), other];
  const how = { type: 'merge', subresource: 'status' } as const;
  await api.client.patch(resources.BackendTLSPolicy, 'shop', 'web', { status: { ancestors } }, how);
  await policy('missing');
  const refused = 'istio.io/mesh-controller NoValidCACertificate InvalidCACertificateRef';
  await waitFor(async () => (await said()).includes(refused), { timeout: 20_000 });
  expect(await said()).toContain('example.com/other Accepted');
  await give('missing', 'third');
  await waitFor(() => cluster().includes(lineOf('third')), { timeout: 20_000 });
  await waitFor(async () => (await said()).includes(accepted), { timeout: 20_000 });
  expect([...(await said())].sort()).toEqual(['example.com/other Accepted', accepted]);

  const late = await start('late');
  const first = await connect(late);
  // It has never served the service without the roots.
  expect(Buffer.from((await first.resource(types.cluster, chain)).value).toString('latin1')).toContain(lineOf('third'));
  await api.client.delete(resources.BackendTLSPolicy, 'shop', 'web');
  await waitFor(() => !cluster().includes(lineOf('third')), { timeout: 20_000 });
}, 120_000);

it('holds to the trust domain of its start, says so, and takes the one of the MeshConfig when it starts', async () => {
  const say = (mesh: string): Promise<unknown> =>
    apply(api.client, resources.ConfigMap, { metadata: { namespace: 'istio-system', name: 'istio' }, data: { mesh } });
  await say('trustDomain: first.example');
  const plane = await start('three');
  const stream = await connect(plane);
  expect(findingsOf(plane, 'RestartNeeded')).toEqual([]);
  await say('trustDomain: second.example');
  await waitFor(() => findingsOf(plane, 'RestartNeeded').length > 0, { timeout: 20_000 });
  expect(findingsOf(plane, 'RestartNeeded')).toEqual([
    'certificates are issued for trust domain "first.example" since the start, so "second.example" is not in effect yet',
  ]);
  // A proxy of before the change may still come, since nobody was given another identity.
  await stream.resource(types.listener, 'main_internal');
  await (await connect(plane)).resource(types.listener, 'main_internal');
  await api.client.delete(resources.ConfigMap, 'istio-system', 'istio');
  await waitFor(() => findingsOf(plane, 'RestartNeeded').join().includes('"cluster.local" is not'), {
    timeout: 20_000,
  });
  await say('trustDomain: first.example');
  await waitFor(() => findingsOf(plane, 'RestartNeeded').length === 0, { timeout: 20_000 });
  const given = await start('four', { trustDomain: 'given.example' });
  expect(findingsOf(given, 'RestartNeeded').join()).toContain('was told "given.example"');
}, 120_000);

it('sends requests to the zone of the node that the waypoint runs on', async () => {
  for (const zone of ['a', 'b']) {
    const labels = { 'topology.kubernetes.io/region': 'eu', 'topology.kubernetes.io/zone': zone };
    await apply(api.client, resources.Node, { metadata: { name: `node-${zone}`, labels } });
  }
  await apply(api.client, resources.Service, {
    metadata: { namespace: 'shop', name: 'near' },
    spec: { ports: [{ name: 'http', port: 80 }], trafficDistribution: 'PreferClose' },
  });
  await apply(api.client, resources.EndpointSlice, {
    metadata: { namespace: 'shop', name: 'near-1', labels: { 'kubernetes.io/service-name': 'near' } },
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 80, protocol: 'TCP' }],
    endpoints: ['a', 'b'].map((zone, index) => ({ addresses: [`10.3.0.${index + 1}`], nodeName: `node-${zone}` })),
  });
  const plane = await start('places');
  const stream = await connect(plane);
  const name = 'inbound-vip|80|http|near.shop.svc.cluster.local';
  stream.subscribe(types.endpoints, name);
  // They stand in the order of their priorities, and without any in that of their zones.
  const order = (): readonly string[] =>
    Buffer.from(stream.resources.get(types.endpoints)?.get(name)?.value ?? [])
      .toString('latin1')
      .match(/10\.3\.0\.\d/g) ?? [];
  await waitFor(() => order().length > 0, { timeout: 20_000, seen: () => plane.log.slice(-5).join('\n') });
  expect(order()).toEqual(['10.3.0.1', '10.3.0.2']);
  const binding = {
    apiVersion: 'v1',
    kind: 'Binding',
    metadata: { name: waypoint.pod },
    target: { kind: 'Node', name: 'node-b' },
  };
  await api.client.request('POST', `/api/v1/namespaces/shop/pods/${waypoint.pod}/binding`, { body: binding });
  await waitFor(() => order()[0] === '10.3.0.2', { timeout: 20_000, seen: () => order().join() });
}, 60_000);
