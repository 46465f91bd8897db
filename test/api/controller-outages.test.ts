// A control plane during outages: an API server that is missing, hangs, forgets, or is cut off from
// one of two replicas. Both replicas run as the service account of the installation, with exactly
// its rules.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiResource, type ClusterAccess, type KubernetesObject, resources } from '../../kubernetes/index.ts';
import { defaultInstallSettings, renderInstallation } from '../../templates/index.ts';
import {
  apply,
  applyPod,
  applyService,
  applySlice,
  applyWaypoint,
  applyWaypointPod,
  clusterSettings,
  connectWaypoint,
  createControlPlane,
  type RunningControlPlane,
  startControlPlane,
  systemNamespace,
  types,
} from '../support/cluster-mesh.ts';
import type { DeltaAdsClient } from '../support/delta-ads-client.ts';
import { startApiServer, type TestApiServer } from '../support/kube-apiserver.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { waitFor } from '../support/wait.ts';

const webCluster = 'inbound-vip|80|http|web.shop.svc.cluster.local';
const waypoint = { namespace: 'shop', gateway: 'waypoint', pod: 'waypoint-abc' };
const patient = { timeout: 45_000, interval: 100 };

let api: TestApiServer;
const wires: TcpProxy[] = [];
const planes: RunningControlPlane[] = [];
const streams: DeltaAdsClient[] = [];

beforeAll(async () => {
  api = await startApiServer();
  await api.createNamespace(systemNamespace);
  await api.createNamespace('istio-system');
  await api.createNamespace('shop', { 'istio.io/use-waypoint': 'waypoint' });
  for (const object of renderInstallation(defaultInstallSettings)) await install(object);
  await applyWaypoint(api.client, 'shop', 'waypoint');
  await applyWaypointPod(api.client, 'shop', 'waypoint', 'waypoint-abc');
  await applyService(api.client, { namespace: 'shop', name: 'web' });
  await applyPod(api.client, { namespace: 'shop', name: 'web-1', ip: '10.1.0.1', labels: { app: 'web' } });
  await applySlice(api.client, { namespace: 'shop', service: 'web', endpoints: [{ ip: '10.1.0.1', pod: 'web-1' }] });
  for (const identity of ['one', 'two']) {
    const { access, wire } = await wiredAccess();
    wires.push(wire);
    planes.push(await startControlPlane(access, clusterSettings(identity)));
  }
}, 240_000);

afterAll(async () => {
  for (const stream of streams) stream.close();
  await Promise.all(planes.map(({ controller }) => controller.stop()));
  await Promise.all(wires.map((wire) => wire.stop()));
  await api?.stop();
}, 90_000);

async function install(object: KubernetesObject): Promise<void> {
  const found: ApiResource | undefined = Object.values(resources).find(({ kind }) => kind === object.kind);
  if (found === undefined) throw new Error(`no resource for ${object.kind}`);
  // The webhook would ask a Service that leads nowhere here.
  if (object.kind === 'ValidatingWebhookConfiguration') return;
  await apply(api.client, found, object);
}

/** The installed service account's access, over a wire of its own. */
async function wiredAccess(): Promise<{ readonly access: ClusterAccess; readonly wire: TcpProxy }> {
  const account = await api.accessAsServiceAccount(systemNamespace, 'cairn');
  const wire = await startTcpProxy(Number(new URL(account.server).port));
  return { wire, access: { ...account, server: `https://127.0.0.1:${wire.port}` } };
}

async function connect(index: number): Promise<DeltaAdsClient> {
  const stream = await connectWaypoint(api, planes[index]?.grpc ?? '', waypoint);
  streams.push(stream);
  stream.subscribe(types.endpoints, webCluster);
  stream.subscribe(types.routes, webCluster);
  await stream.resource(types.routes, webCluster);
  return stream;
}

function endpointsOf(stream: DeltaAdsClient): string {
  return Buffer.from(stream.resources.get(types.endpoints)?.get(webCluster)?.value ?? []).toString('latin1');
}

function waitForEndpoint(stream: DeltaAdsClient, address: string): Promise<unknown> {
  return waitFor(() => endpointsOf(stream).includes(address), { ...patient, seen: () => endpointsOf(stream) });
}

function setEndpoint(ip: string): Promise<void> {
  return applySlice(api.client, { namespace: 'shop', service: 'web', endpoints: [{ ip }] });
}

function setRoute(status: number): Promise<unknown> {
  return apply(api.client, resources.VirtualService, {
    metadata: { namespace: 'shop', name: 'web' },
    spec: { hosts: ['web'], http: [{ directResponse: { status } }] },
  });
}

async function holderOf(): Promise<unknown> {
  const lease = await api.client.get(resources.Lease, systemNamespace, 'cairn-leader');
  return (lease?.['spec'] as { readonly holderIdentity?: string } | undefined)?.holderIdentity;
}

describe('two replicas with the installed rules', () => {
  it('both serve, one leads, and nothing is refused to them', async () => {
    const both = [await connect(0), await connect(1)];
    for (const stream of both) await waitForEndpoint(stream, '10.1.0.1');
    await waitFor(async () => ['one', 'two'].includes(String(await holderOf())), patient);
    await waitFor(
      async () => (await api.client.get(resources.ConfigMap, 'shop', 'istio-ca-root-cert')) !== undefined,
      patient,
    );
    const refused = planes.flatMap(({ log }) => log).filter((line) => /forbidden/i.test(line));
    expect(refused).toEqual([]);
    for (const stream of both) stream.close();
  }, 120_000);

  it('when the leader loses the API, the other leads within the lease, and both go on serving', async () => {
    const both = [await connect(0), await connect(1)];
    await waitFor(async () => planes.some(({ controller }) => controller.isLeader), patient);
    const leader = planes.findIndex(({ controller }) => controller.isLeader);
    const other = 1 - leader;
    wires[leader]?.cut();
    await waitFor(() => planes[other]?.controller.isLeader === true, patient);
    // Never two at a time.
    expect(planes[leader]?.controller.isLeader).toBe(false);
    expect(both.map(({ ended }) => ended)).toEqual([undefined, undefined]);
    // The new leader is at work: a new namespace with a waypoint gets the root certificate.
    await api.createNamespace('late');
    await applyWaypoint(api.client, 'late', 'waypoint');
    await waitFor(
      async () => (await api.client.get(resources.ConfigMap, 'late', 'istio-ca-root-cert')) !== undefined,
      patient,
    );
    await setEndpoint('10.1.0.50');
    const [near, far] = [both[other], both[leader]];
    if (near === undefined || far === undefined) throw new Error('there are two streams');
    await waitForEndpoint(near, '10.1.0.50');
    expect(endpointsOf(far)).toContain('10.1.0.1');
    wires[leader]?.mend();
    await waitForEndpoint(far, '10.1.0.50');
    for (const stream of both) stream.close();
  }, 120_000);

  it('nothing happens while nothing changes', async () => {
    const count = (): number => planes.reduce((sum, { controller }) => sum + writesOf(controller.requests), 0);
    let before = -1;
    await waitFor(
      () => {
        const now = count();
        const isQuiet = now === before;
        before = now;
        return isQuiet;
      },
      { ...patient, interval: 3_000 },
    );
    for (let status = 500; status < 505; status += 1) await setRoute(status);
    await api.client.delete(resources.VirtualService, 'shop', 'web');
    await waitFor(() => true, { interval: 2_000 });
    // A handful of changes is a handful of writes, not a storm.
    expect(count() - before).toBeLessThan(20);
  }, 120_000);
});

describe('outages', () => {
  it('a deletion during a cut is noticed, though the API has forgotten the time of it', async () => {
    await setRoute(418);
    const stream = await connect(0);
    const routed = await stream.resource(types.routes, webCluster);
    wires[0]?.cut();
    await api.client.delete(resources.VirtualService, 'shop', 'web');
    await setEndpoint('10.1.0.3');
    for (let index = 0; index < 20; index += 1) await setEndpoint(`10.1.1.${index}`);
    await setEndpoint('10.1.0.4');
    await api.compact();
    wires[0]?.mend();
    await waitForEndpoint(stream, '10.1.0.4');
    await waitFor(() => stream.resources.get(types.routes)?.get(webCluster)?.version !== routed.version, patient);
    stream.close();
  }, 120_000);

  it('an API server that crashes and comes back takes nothing away, and its news arrive', async () => {
    const stream = await connect(1);
    const before = stream.responses.length;
    await api.kill();
    expect(await statusOf('/readyz', 1)).toBe(200);
    await api.restart();
    expect(stream.responses.slice(before).flatMap(({ removed }) => removed)).toEqual([]);
    expect(stream.ended).toBeUndefined();
    await setEndpoint('10.1.0.5');
    await waitForEndpoint(stream, '10.1.0.5');
    stream.close();
  }, 120_000);

  it('an API server that hangs is waited for; nothing is served before everything is known', async () => {
    const { access, wire } = await wiredAccess();
    wires.push(wire);
    api.pause();
    const { controller, log } = createControlPlane(access, clusterSettings('three'));
    const started = controller.start();
    try {
      await waitFor(() => true, { interval: 1_000 });
      expect(log.filter((line) => line.includes('configuration applied'))).toEqual([]);
    } finally {
      api.resume();
    }
    const endpoints = await started;
    planes.push({ controller, log, ...endpoints });
    const stream = await connectWaypoint(api, endpoints.grpc, waypoint);
    stream.subscribe(types.endpoints, webCluster);
    await waitForEndpoint(stream, '10.1.0.5');
    stream.close();
  }, 120_000);

  it('while one kind cannot be read it is not ready, says which, and serves nobody', async () => {
    const { access } = await limitedAccess('endpointslices');
    // Ports of its own choice, so that the test can ask before it has started.
    const settings = clusterSettings('four', { ports: { xds: 0, admin: await somePort(), health: 0, webhook: 0 } });
    const { controller, log } = createControlPlane(access, settings);
    const started = controller.start();
    const ready = (): Promise<Response> => fetch(`http://127.0.0.1:${settings.ports.admin}/readyz`);
    await waitFor(async () => (await ready().catch(() => undefined))?.status === 503, patient);
    await waitFor(async () => (await (await ready()).text()) === 'not known yet: EndpointSlice\n', patient);
    expect(log.filter((line) => line.includes('configuration applied'))).toEqual([]);
    await allow('limited', 'endpointslices', ['discovery.k8s.io']);
    await started;
    expect((await ready()).status).toBe(200);
    await controller.stop();
  }, 120_000);
});

function writesOf(requests: ReadonlyMap<string, number>): number {
  // The lease is renewed all the time.
  const writes = [...requests].filter(([call]) =>
    /^(?:create|replace|apply|patch|delete) (?!Lease|TokenReview)/.test(call),
  );
  return writes.reduce((sum, [, count]) => sum + count, 0);
}

async function statusOf(path: string, index: number): Promise<number> {
  return (await fetch(`http://127.0.0.1:${planes[index]?.adminPort}${path}`)).status;
}

/** A user that has the installed rules less the reading of one kind. */
async function limitedAccess(plural: string): Promise<{ readonly access: ClusterAccess }> {
  const role = renderInstallation(defaultInstallSettings).find(({ kind }) => kind === 'ClusterRole');
  const rules = (role?.['rules'] ?? []) as readonly { readonly resources?: readonly string[] }[];
  const less = rules.map((rule) => ({
    ...rule,
    resources: (rule.resources ?? []).filter((name) => name !== plural),
  }));
  await apply(api.client, resources.ClusterRole, {
    metadata: { name: 'limited' },
    rules: less.filter((rule) => rule.resources.length > 0),
  });
  await bind('limited', 'ClusterRole');
  await apply(api.client, resources.ClusterRole, {
    metadata: { name: 'limited-system' },
    rules: [{ apiGroups: ['', 'coordination.k8s.io'], resources: ['secrets', 'leases'], verbs: ['*'] }],
  });
  await bind('limited-system', 'ClusterRole');
  return { access: await api.accessAs('limited') };
}

async function bind(role: string, kind: string): Promise<void> {
  await apply(api.client, resources.ClusterRoleBinding, {
    metadata: { name: role },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind, name: role },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'limited' }],
  });
}

async function allow(role: string, plural: string, apiGroups: readonly string[]): Promise<void> {
  const name = `${role}-${plural}`;
  await apply(api.client, resources.ClusterRole, {
    metadata: { name },
    rules: [{ apiGroups, resources: [plural], verbs: ['get', 'list', 'watch'] }],
  });
  await bind(name, 'ClusterRole');
}

async function somePort(): Promise<number> {
  const { freePort } = await import('../support/loopback.ts');
  return freePort('127.0.0.1');
}
