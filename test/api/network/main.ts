// The tour in a network namespace of its own, where every address of 10.77.0.0/16 is this
// machine's: an API server, the control plane with the installed rules, Bookinfo's services as
// pods, and the waypoint's agent and Envoy as the processes of its rendered Deployment. It prints a
// line for each step that held, and ends with an error at the first that did not.

import { deepEqual, equal, ok } from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { type KubernetesObject, resources } from '../../../kubernetes/index.ts';
import { defaultInstallSettings, renderInstallation } from '../../../templates/index.ts';
import {
  apply,
  applyPod,
  applySlice,
  certify,
  clusterSettings,
  startControlPlane,
  systemNamespace,
} from '../../support/cluster-mesh.ts';
import { findEnvoy } from '../../support/envoy.ts';
import { connectHbone, type HttpResponse, requestThrough } from '../../support/hbone-client.ts';
import { startHboneServer } from '../../support/hbone-server.ts';
import { startApiServer } from '../../support/kube-apiserver.ts';
import { startProcess, stopAll, stopProcess } from '../../support/processes.ts';
import { waitFor } from '../../support/wait.ts';
import { startEcho } from '../../support/workload.ts';

const root = resolve(import.meta.dirname, '../../..');
const controlPlaneIp = '10.77.0.1';
const waypointIp = '10.77.1.1';
const podIps = { productpage: '10.77.2.1', 'productpage-2': '10.77.2.2', v1: '10.77.2.11', v2: '10.77.2.12' };
const namespace = 'default';
const patient = { timeout: 60_000, interval: 100 };
const folder = mkdtempSync(join(tmpdir(), 'cairn-network-'));
/** The end of tunnels to the pod that is captured. */
let tunnelled: Awaited<ReturnType<typeof startHboneServer>> | undefined;
/** Of services, for when the API cannot be asked. */
const addresses = new Map<string, string>();

execFileSync('ip', ['link', 'set', 'lo', 'up']);
execFileSync('ip', ['address', 'add', '10.77.0.1/16', 'dev', 'lo']);
const api = await startApiServer();
const plane = await prepareControlPlane();
try {
  await walk();
} finally {
  await plane.controller.stop();
  await api.stop();
  await stopAll();
  rmSync(folder, { recursive: true, force: true });
}
process.exit(0);

async function prepareControlPlane(): Promise<Awaited<ReturnType<typeof startControlPlane>>> {
  await api.createNamespace(systemNamespace);
  await api.createNamespace('istio-system');
  await api.client.create(resources.ServiceAccount, { metadata: { namespace, name: 'default' } }).catch(() => {});
  for (const object of renderInstallation(defaultInstallSettings)) {
    if (object.kind !== 'ValidatingWebhookConfiguration') await applyAny(object);
  }
  const address = `${controlPlaneIp}:15012`;
  return startControlPlane(
    await api.accessAsServiceAccount(systemNamespace, 'cairn'),
    clusterSettings('one', {
      discoveryAddress: address,
      ca: { kind: 'cairn', address },
      ports: { xds: 15_012, admin: 0, health: 0, webhook: 0 },
      listenAddress: controlPlaneIp,
      // Pods have their own network each; here they share one.
      waypointAddress: waypointIp,
    }),
  );
}

async function walk(): Promise<void> {
  const [gateway] = example('bookinfo/waypoint.yaml');
  ok(gateway !== undefined);
  await applyAny(gateway);
  await startApplications();
  const agent = await startWaypoint();
  try {
    await waitFor(async () => (await fetch(`http://${waypointIp}:15021/healthz/ready`).catch(() => undefined))?.ok, {
      ...patient,
      seen: () => `a ready Envoy: ${agent.output().slice(-3_000)}\n${plane.log.slice(-20).join('\n')}`,
    });
    done('the agent has a certificate by its own token, and Envoy its configuration');
    await checkStatus();
    const ask = await createClients();
    await walkTour(ask);
    await checkChanges(ask);
  } catch (error) {
    process.stderr.write(`${agent.output().slice(-3_000)}\n${plane.log.slice(-40).join('\n')}\n`);
    throw error;
  } finally {
    await stopProcess(agent, 20_000);
  }
}

type Ask = (who: string, service: string, path: string, method?: string) => Promise<HttpResponse>;

async function walkTour(ask: Ask): Promise<void> {
  const page = await ask('sleep', 'productpage', '/productpage');
  equal(page.status, 200);
  equal(JSON.parse(page.body).name, 'productpage');
  done('1 a request to the service goes through its waypoint');

  await applyExample('bookinfo/reviews.yaml');
  await applyExample('bookinfo-tour/reviews-90-10.yaml');
  await waitFor(
    async () => (await ask('sleep', 'reviews', '/reviews/0')).headers['x-reviews-weights'] === '90/10',
    patient,
  );
  const counts = new Map<string, number>();
  for (let index = 0; index < 100; index += 1) {
    const { name } = JSON.parse((await ask('sleep', 'reviews', '/reviews/0')).body) as { readonly name: string };
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  ok((counts.get('v1') ?? 0) > 70 && (counts.get('v2') ?? 0) > 0, `90/10: ${JSON.stringify([...counts])}`);
  ok(tunnelled?.targets().includes(`${podIps.v1}:9080`), 'the captured pod is reached by a tunnel');
  done('2 weights between subsets, which pods belong to by their labels');

  await applyExample('bookinfo-tour/productpage-abort.yaml');
  await waitFor(async () => (await ask('sleep', 'productpage', '/productpage')).status === 503, patient);
  await api.client.delete(resources.VirtualService, namespace, 'productpage');
  done('3 faults');

  await applyExample('bookinfo-tour/productpage-viewer.yaml');
  await waitFor(async () => (await ask('notsleep', 'productpage', '/productpage')).status === 403, patient);
  equal((await ask('sleep', 'productpage', '/productpage', 'DELETE')).status, 403);
  await waitFor(async () => (await ask('sleep', 'productpage', '/productpage')).status === 200, patient);
  await applyExample('bookinfo-tour/productpage-no-headers.yaml');
  await waitFor(async () => (await ask('sleep', 'productpage', '/headers')).status === 403, patient);
  equal((await ask('sleep', 'productpage', '/productpage')).status, 200);
  await api.client.delete(resources.AuthorizationPolicy, namespace, 'productpage-viewer');
  await api.client.delete(resources.AuthorizationPolicy, namespace, 'productpage-no-headers');
  await waitFor(async () => (await ask('notsleep', 'productpage', '/headers')).status === 200, patient);
  done('4 who may do what, by the identity of a service account');
}

/** Changes of slices, of pods and of the API server itself. */
async function checkChanges(ask: Ask): Promise<void> {
  await applyBackend('productpage-2', { app: 'productpage' }, podIps['productpage-2']);
  const endpoints = [{ ip: podIps['productpage-2'], pod: 'productpage-2' }];
  await applySlice(api.client, { namespace, service: 'productpage', port: 9080, endpoints });
  const answeredBy = async (): Promise<unknown> =>
    JSON.parse((await ask('sleep', 'productpage', '/productpage')).body).name;
  await waitFor(async () => (await answeredBy()) === 'productpage-2', patient);
  done('5 another EndpointSlice, another pod');
  await api.kill();
  equal((await ask('sleep', 'productpage', '/productpage')).status, 200);
  await api.restart();
  const back = [{ ip: podIps.productpage, pod: 'productpage' }];
  await applySlice(api.client, { namespace, service: 'productpage', port: 9080, endpoints: back });
  await waitFor(async () => (await answeredBy()) === 'productpage', patient);
  done('6 an API server that went and came back');
}

/** The Gateway is Programmed only once its pod is Ready and its Envoy took the configuration. */
async function checkStatus(): Promise<void> {
  const programmed = async (): Promise<unknown> => {
    const gateway = await api.client.get(resources.Gateway, namespace, 'waypoint');
    const { conditions = [] } = (gateway?.['status'] ?? {}) as { conditions?: readonly Record<string, string>[] };
    return conditions.find(({ type }) => type === 'Programmed')?.['status'];
  };
  const status = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] };
  const options = { type: 'strategic', subresource: 'status' } as const;
  await api.client.patch(resources.Pod, namespace, 'waypoint-1', { status }, options);
  await waitFor(async () => (await programmed()) === 'True', {
    ...patient,
    what: 'Programmed',
    seen: () => plane.log.slice(-20).join('\n'),
  });
  done('the Gateway is Programmed');
}

async function startApplications(): Promise<void> {
  for (const object of example('bookinfo/bookinfo.yaml')) {
    if (object.kind === 'Service' && /^(?:productpage|reviews)$/.test(object.metadata.name)) await applyAny(object);
  }
  await api.client.patch(
    resources.Namespace,
    undefined,
    namespace,
    { metadata: { labels: { 'istio.io/use-waypoint': 'waypoint' } } },
    { type: 'merge' },
  );
  for (const [name, ip] of Object.entries(podIps)) await startEcho(ip, 9080, { name });
  await applyBackend('productpage', { app: 'productpage' }, podIps.productpage);
  await applyBackend('v1', { app: 'reviews', version: 'v1' }, podIps.v1, true);
  await applyBackend('v2', { app: 'reviews', version: 'v2' }, podIps.v2);
  const listed = { namespace, port: 9080 };
  const pages = [{ ip: podIps.productpage, pod: 'productpage' }];
  await applySlice(api.client, { ...listed, service: 'productpage', endpoints: pages });
  const reviews = [
    { ip: podIps.v1, pod: 'v1' },
    { ip: podIps.v2, pod: 'v2' },
  ];
  await applySlice(api.client, { ...listed, service: 'reviews', endpoints: reviews });
}

async function applyBackend(
  name: string,
  labels: Readonly<Record<string, string>>,
  ip: string,
  isCaptured = false,
): Promise<void> {
  const annotations: Record<string, string> = isCaptured ? { 'ambient.istio.io/redirection': 'enabled' } : {};
  await applyPod(api.client, { namespace, name, ip, labels, annotations, serviceAccount: `bookinfo-${name}` });
  if (!isCaptured) return;
  const token = await api.createServiceAccountToken(namespace, `bookinfo-${name}`, { audiences: ['istio-ca'] });
  const { certificate, key, root: ca } = await certify(api, plane.grpc, token);
  tunnelled = await startHboneServer(ip, { cert: certificate, key, ca });
}

/** Clients with certificates by the tokens of their service accounts. */
async function createClients(): Promise<Ask> {
  const connections = new Map<string, Awaited<ReturnType<typeof connectHbone>>>();
  for (const name of ['sleep', 'notsleep']) {
    await api.client.create(resources.ServiceAccount, { metadata: { namespace, name } });
    const token = await api.createServiceAccountToken(namespace, name, { audiences: ['istio-ca'] });
    const { certificate, key, root: ca } = await certify(api, plane.grpc, token);
    const options = { waypoint: { host: waypointIp, port: 15_008 }, certificate: { cert: certificate, key, ca } };
    const connection = await connectHbone(options);
    deepEqual(connection.peerIdentities, ['spiffe://cluster.local/ns/default/sa/waypoint']);
    connections.set(name, connection);
  }
  return async (who, service, path, method = 'GET') => {
    const found = await api.client.get(resources.Service, namespace, service).catch(() => undefined);
    const { clusterIP } = (found?.['spec'] ?? { clusterIP: addresses.get(service) }) as { readonly clusterIP: string };
    addresses.set(service, clusterIP);
    const stream = await connections.get(who)?.connect(`${clusterIP}:9080`);
    ok(stream !== undefined);
    try {
      return await requestThrough(stream, { method, path, headers: { host: `${service}:9080` } });
    } finally {
      // A connection carries so many tunnels, and no more.
      stream.close();
    }
  };
}

/**
 * Runs the waypoint's Deployment as its kubelet would: a pod of its template, its token and files,
 * its environment.
 */
async function startWaypoint(): Promise<Awaited<ReturnType<typeof startProcess>>> {
  const deployment = await waitFor(() => api.client.get(resources.Deployment, namespace, 'waypoint'), patient);
  await waitFor(() => api.client.get(resources.ServiceAccount, namespace, 'waypoint'), patient);
  const rootMap = await waitFor(() => api.client.get(resources.ConfigMap, namespace, 'istio-ca-root-cert'), patient);
  const { template } = deployment['spec'] as { readonly template: KubernetesObject };
  await api.client.create(resources.Pod, {
    ...template,
    metadata: { ...template.metadata, namespace, name: 'waypoint-1' },
  });
  const status = { phase: 'Running', podIP: waypointIp, podIPs: [{ ip: waypointIp }] };
  const options = { type: 'merge', subresource: 'status' } as const;
  await api.client.patch(resources.Pod, namespace, 'waypoint-1', { status }, options);
  const token = await api.createServiceAccountToken(namespace, 'waypoint', {
    audiences: ['istio-ca'],
    boundPod: 'waypoint-1',
  });
  const file = (name: string, content: string): string => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  const data = rootMap['data'] as Readonly<Record<string, string>>;
  const labels = Object.entries(template.metadata.labels ?? {}).map(([key, value]) => `${key}="${value}"\n`);
  mkdirSync(join(folder, 'state'));
  const { containers } = template['spec'] as {
    readonly containers: readonly { readonly env: readonly { readonly name: string; readonly value?: string }[] }[];
  };
  const given = (containers[0]?.env ?? []).flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]]));
  return startProcess(process.execPath, ['--import', 'tsx', join(root, 'agent/main.ts')], {
    cwd: root,
    env: {
      ...Object.fromEntries(given),
      POD_NAME: 'waypoint-1',
      POD_NAMESPACE: namespace,
      INSTANCE_IP: waypointIp,
      SERVICE_ACCOUNT: 'waypoint',
      NODE_NAME: 'node',
      CAIRN_CONCURRENCY: '1',
      CAIRN_TERMINATION_DRAIN: '1',
      CAIRN_MINIMUM_DRAIN: '0',
      // There is no DNS here, so that the name is in the certificate but not in the address.
      CAIRN_CA_SERVER_NAME: `cairn.${systemNamespace}.svc`,
      CAIRN_ROOT_CERT_FILE: file('root-cert.pem', data['root-cert.pem'] ?? ''),
      CAIRN_TOKEN_FILE: file('token', token),
      CAIRN_LABELS_FILE: file('labels', labels.join('')),
      CAIRN_STATE_DIR: join(folder, 'state'),
      ENVOY_BIN: findEnvoy(),
    },
  });
}

function example(path: string): readonly KubernetesObject[] {
  const text = readFileSync(join(root, 'examples', path), 'utf8');
  return parseAllDocuments(text).map((document) => document.toJS() as KubernetesObject);
}

async function applyExample(path: string): Promise<void> {
  for (const object of example(path)) await applyAny(object);
}

async function applyAny(object: KubernetesObject): Promise<void> {
  const resource = Object.values(resources).find(({ kind }) => kind === object.kind);
  ok(resource !== undefined, `no resource for ${object.kind}`);
  await apply(api.client, resource, object);
}

function done(step: string): void {
  process.stdout.write(`held: ${step}\n`);
}
