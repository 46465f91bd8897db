// The control plane of a cluster against a real API server: from objects to the waypoints'
// configuration, and the authorization of proxies.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { resources } from '../../kubernetes/index.ts';
import {
  apply,
  applyPod,
  applyService,
  applySlice,
  applyWaypoint,
  applyWaypointPod,
  certify,
  clusterSettings,
  connectWaypoint,
  type RunningControlPlane,
  startControlPlane,
  systemNamespace,
  types,
  waypointNode,
  waypointToken,
} from '../support/cluster-mesh.ts';
import { connectDeltaAds, type DeltaAdsClient } from '../support/delta-ads-client.ts';
import { startApiServer, type TestApiServer } from '../support/kube-apiserver.ts';
import { waitFor } from '../support/wait.ts';

const webCluster = 'inbound-vip|80|http|web.shop.svc.cluster.local';
const waypoint = { namespace: 'shop', gateway: 'waypoint', pod: 'waypoint-abc' };

let api: TestApiServer;
let plane: RunningControlPlane;
const streams: DeltaAdsClient[] = [];

beforeAll(async () => {
  api = await startApiServer();
  await api.createNamespace(systemNamespace);
  await api.createNamespace('shop', { 'istio.io/use-waypoint': 'waypoint' });
  await api.createNamespace('other');
  await applyWaypoint(api.client, 'shop', 'waypoint');
  await applyWaypoint(api.client, 'other', 'gate');
  await applyWaypointPod(api.client, 'shop', 'waypoint', 'waypoint-abc');
  await applyWaypointPod(api.client, 'other', 'gate', 'gate-abc');
  await applyService(api.client, { namespace: 'shop', name: 'web' });
  await applyPod(api.client, {
    namespace: 'shop',
    name: 'web-1',
    ip: '10.1.0.1',
    labels: { app: 'web', version: 'v1' },
    annotations: { 'ambient.istio.io/redirection': 'enabled' },
  });
  await applySlice(api.client, { namespace: 'shop', service: 'web', endpoints: [{ ip: '10.1.0.1', pod: 'web-1' }] });
  plane = await startControlPlane(api.access, clusterSettings('one'));
}, 240_000);

afterAll(async () => {
  for (const stream of streams) stream.close();
  await plane?.controller.stop();
  await api?.stop();
}, 60_000);

async function connect(target = waypoint, acknowledge = true): Promise<DeltaAdsClient> {
  const stream = await connectWaypoint(api, plane.grpc, target, acknowledge);
  streams.push(stream);
  return stream;
}

/** The endpoints of the web cluster as text: addresses stand in it in the clear. */
async function endpointsWith(stream: DeltaAdsClient, ...addresses: readonly string[]): Promise<string> {
  const read = (): string =>
    Buffer.from(stream.resources.get(types.endpoints)?.get(webCluster)?.value ?? []).toString('latin1');
  await waitFor(() => addresses.every((address) => read().includes(address)), {
    timeout: 20_000,
    seen: () => `${read()} holds ${addresses.join(', ')}`,
  });
  return read();
}

describe('serving', () => {
  it('brings a waypoint its clusters, endpoints and listeners, and follows slices, pods and routes', async () => {
    const stream = await connect();
    await stream.resource(types.listener, 'main_internal');
    await stream.resource(types.cluster, webCluster);
    stream.subscribe(types.endpoints, webCluster);
    stream.subscribe(types.routes, webCluster);
    expect(await endpointsWith(stream, '10.1.0.1:80')).toContain('connect_originate');

    await applyPod(api.client, { namespace: 'shop', name: 'web-2', ip: '10.1.0.2', labels: { app: 'web' } });
    const endpoints = [
      { ip: '10.1.0.1', pod: 'web-1' },
      { ip: '10.1.0.2', pod: 'web-2' },
    ];
    await applySlice(api.client, { namespace: 'shop', service: 'web', endpoints });
    const both = await endpointsWith(stream, '10.1.0.1:80', '10.1.0.2');
    expect(both).not.toContain('10.1.0.2:80');

    // The pod is captured later: nothing but its annotation changes, and it is reached by a tunnel.
    const annotations = { 'ambient.istio.io/redirection': 'enabled' };
    await api.client.patch(resources.Pod, 'shop', 'web-2', { metadata: { annotations } }, { type: 'merge' });
    await endpointsWith(stream, '10.1.0.2:80');

    const before = await stream.resource(types.routes, webCluster);
    await apply(api.client, resources.VirtualService, {
      metadata: { namespace: 'shop', name: 'web' },
      spec: { hosts: ['web'], http: [{ directResponse: { status: 418 } }] },
    });
    await waitFor(() => stream.resources.get(types.routes)?.get(webCluster)?.version !== before.version, {
      timeout: 20_000,
    });
    await api.client.delete(resources.VirtualService, 'shop', 'web');
    await stream.resource(types.routes, webCluster, before.version);
  }, 60_000);

  it('writes what a proxy accepts or refuses on its pod, and nothing twice', async () => {
    const accepted = async (): Promise<Readonly<Record<string, string>> | undefined> => {
      const pod = await api.client.get(resources.Pod, 'shop', 'waypoint-abc');
      const { conditions = [] } = (pod?.['status'] ?? {}) as { conditions?: readonly Record<string, string>[] };
      return conditions.find(({ type }) => type === 'cairn.dev/ConfigurationAccepted');
    };
    await waitFor(async () => (await accepted())?.['status'] === 'True', { timeout: 20_000 });
    const writes = plane.controller.requests.get('patch Pod/status');
    for (const stream of streams.splice(0)) stream.close();
    const stubborn = await connect(waypoint, false);
    // The resources of a refused response come again in smaller parts, until the bad one is known.
    let answered = 0;
    await waitFor(
      async () => {
        for (const response of stubborn.responses.slice(answered)) {
          answered += 1;
          if (response.resources.some(({ name }) => name === webCluster)) stubborn.nack(response, 'a bad filter');
          else stubborn.ack(response);
        }
        return (await accepted())?.['status'] === 'False';
      },
      { timeout: 20_000, interval: 50 },
    );
    expect((await accepted())?.['message']).toContain(`Cluster ${webCluster}: a bad filter`);
    expect(plane.controller.requests.get('patch Pod/status')).toBe((writes ?? 0) + 1);
    const proxies = await readAdmin('/api/proxies');
    expect(proxies).toMatchObject([
      {
        pod: 'waypoint-abc',
        gateway: 'waypoint',
        replica: 'one',
        types: { CDS: { rejected: [webCluster], lastNack: { message: 'a bad filter' } } },
      },
    ]);
    stubborn.close();
    // The condition stays until another answer, and an Envoy that accepts withdraws it.
    await connect();
    await waitFor(async () => (await accepted())?.['status'] === 'True', { timeout: 20_000 });
  }, 90_000);

  it('distributes the root certificate to namespaces with a waypoint only', async () => {
    const read = (namespace: string) => api.client.get(resources.ConfigMap, namespace, 'istio-ca-root-cert');
    await waitFor(async () => (await read('shop')) !== undefined && (await read('other')) !== undefined, {
      timeout: 20_000,
    });
    expect(await read(systemNamespace)).toBeUndefined();
  });
});

describe('who gets what', () => {
  it('a token of another namespace gives a certificate of that namespace, and not the configuration of this one', async () => {
    const stolen = await certify(api, plane.grpc, await waypointToken(api, 'other', 'gate', 'gate-abc'));
    const stream = await connectDeltaAds(plane.grpc, {
      node: waypointNode('shop', 'waypoint', 'waypoint-abc'),
      tls: { ...stolen, serverName: `cairn.${systemNamespace}.svc` },
    });
    stream.subscribe(types.cluster);
    expect(await stream.end()).toMatchObject({ code: 7 });
    expect(stream.responses).toEqual([]);
    stream.close();
  });

  it('a stream cannot name another Gateway than that of its pod', async () => {
    await applyWaypoint(api.client, 'shop', 'second');
    const own = await certify(api, plane.grpc, await waypointToken(api, 'shop', 'waypoint', 'waypoint-abc'));
    const ask = async (node: ReturnType<typeof waypointNode>): Promise<unknown> => {
      const stream = await connectDeltaAds(plane.grpc, {
        node,
        tls: { ...own, serverName: `cairn.${systemNamespace}.svc` },
      });
      stream.subscribe(types.cluster);
      const end = await stream.end();
      stream.close();
      return end.code;
    };
    expect(await ask(waypointNode('shop', 'second', 'waypoint-abc'))).toBe(7);
    await applyWaypointPod(api.client, 'shop', 'second', 'second-abc');
    expect(await ask(waypointNode('shop', 'second', 'second-abc'))).toBe(7);
    expect(await ask(waypointNode('other', 'gate', 'gate-abc'))).toBe(7);
    expect(await ask(waypointNode('shop', 'waypoint', 'no-such-pod'))).toBe(7);
    // A pod that is no waypoint's.
    expect(await ask(waypointNode('shop', 'web', 'web-1'))).toBe(7);
  }, 60_000);

  it('no token but one for certificates is accepted, and nobody speaks for another', async () => {
    const wrong = await api.createServiceAccountToken('shop', 'waypoint', { audiences: ['vault'] });
    await expect(certify(api, plane.grpc, wrong)).rejects.toMatchObject({ code: 'Unauthenticated' });
    await expect(certify(api, plane.grpc, 'no token at all')).rejects.toMatchObject({ code: 'Unauthenticated' });
    const own = await waypointToken(api, 'other', 'gate', 'gate-abc');
    const victim = 'spiffe://cluster.local/ns/shop/sa/waypoint';
    await expect(certify(api, plane.grpc, own, victim)).rejects.toMatchObject({ code: 'PermissionDenied' });
  });

  it('a token without a certificate opens no stream', async () => {
    const root = (await certify(api, plane.grpc, await waypointToken(api, 'shop', 'waypoint'))).root;
    const stream = await connectDeltaAds(plane.grpc, {
      node: waypointNode('shop', 'waypoint', 'waypoint-abc'),
      tls: { root, serverName: `cairn.${systemNamespace}.svc` },
    });
    stream.subscribe(types.cluster);
    expect(await stream.end()).toMatchObject({ code: 16 });
    stream.close();
  });

  it('a token of a pod that was deleted is worth nothing', async () => {
    await applyPod(api.client, { namespace: 'shop', name: 'brief', ip: '10.1.0.9', serviceAccount: 'brief' });
    const token = await waypointToken(api, 'shop', 'brief', 'brief');
    await certify(api, plane.grpc, token);
    await api.client.request('DELETE', '/api/v1/namespaces/shop/pods/brief', { query: { gracePeriodSeconds: 0 } });
    await waitFor(
      async () => {
        try {
          await certify(api, plane.grpc, token);
          return false;
        } catch {
          return true;
        }
      },
      { timeout: 30_000 },
    );
  }, 60_000);
});

it('beside istiod it shows waypoints a certificate of istiod, takes theirs, and issues none', async () => {
  // The first control plane stands in for istiod: the same service, and its root in every
  // namespace.
  const root = (await certify(api, plane.grpc, await waypointToken(api, 'shop', 'waypoint'))).root;
  const data = { 'root-cert.pem': root };
  const metadata = { namespace: systemNamespace, name: 'istio-ca-root-cert' };
  await apply(api.client, resources.ConfigMap, { metadata, data });
  await apply(api.client, resources.ServiceAccount, { metadata: { namespace: systemNamespace, name: 'cairn' } });
  const tokenFile = join(api.folder, 'istio-token');
  writeFileSync(tokenFile, await waypointToken(api, systemNamespace, 'cairn'));
  // A namespace of its own, so that its own authority is another one.
  await api.createNamespace('beside');
  await apply(api.client, resources.ConfigMap, { metadata: { ...metadata, namespace: 'beside' }, data });
  const serverName = `cairn.${systemNamespace}.svc`;
  const ca = { kind: 'istiod', address: plane.grpc, serverName, tokenFile } as const;
  const beside = await startControlPlane(api.access, clusterSettings('two', { namespace: 'beside', ca }));
  try {
    // A leaf of istiod's authority for us under our identity: its DNS names are istiod's affair.
    const own = await certify(api, plane.grpc, await waypointToken(api, 'shop', 'waypoint', 'waypoint-abc'));
    const certificate = await peerCertificate(beside.grpc, own);
    expect(certificate).toContain(`URI:spiffe://cluster.local/ns/${systemNamespace}/sa/cairn`);
    await expect(certify(api, beside.grpc, await waypointToken(api, 'shop', 'waypoint'))).rejects.toThrow();
  } finally {
    await beside.controller.stop();
  }
}, 60_000);

/**
 * The names in the certificate that a server shows to a client with this one; rejects when they do
 * not trust each other.
 */
function peerCertificate(address: string, client: { certificate: string; key: string; root: string }): Promise<string> {
  const [host = '', port] = address.split(':');
  const { certificate: cert, key, root: ca } = client;
  const options = {
    host,
    port: Number(port),
    cert,
    key,
    ca,
    ALPNProtocols: ['h2'],
    checkServerIdentity: () => undefined,
  };
  return new Promise((found, failed) => {
    const socket = connectTls(options, () => {
      found(socket.getPeerCertificate().subjectaltname ?? '');
      socket.destroy();
    });
    socket.on('error', failed);
  });
}

async function readAdmin(path: string): Promise<unknown> {
  const response = await fetch(`http://127.0.0.1:${plane.adminPort}${path}`);
  return response.json();
}
