// A mesh as objects of a real API server, and control planes that follow it: the base of tests of a
// control plane in a cluster. No other controller runs, so the test itself makes pods ready and
// lists endpoints.

import { createPrivateKey, createRequest, formatPrivateKey, requestCertificate } from '../../certificates/index.ts';
import { ClusterController, type ClusterEndpoints } from '../../gateway-controller/cluster/cluster-controller.ts';
import type { ClusterSettings } from '../../gateway-controller/cluster/cluster-settings.ts';
import {
  type ApiClient,
  type ApiResource,
  type ClusterAccess,
  type KubernetesObject,
  resources,
} from '../../kubernetes/index.ts';
import { connectDeltaAds, type DeltaAdsClient } from './delta-ads-client.ts';
import type { TestApiServer } from './kube-apiserver.ts';

/** Where control planes of tests live. */
export const systemNamespace = 'cairn-system';

/** The type URLs that tests look at. */
export const types = {
  cluster: 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
  endpoints: 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment',
  listener: 'type.googleapis.com/envoy.config.listener.v3.Listener',
  routes: 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration',
} as const;

/** Settings with free ports; `identity` tells replicas apart. */
export function clusterSettings(identity: string, changes: Partial<ClusterSettings> = {}): ClusterSettings {
  return {
    namespace: systemNamespace,
    identity,
    gatewayClass: 'istio-waypoint',
    controllerName: 'istio.io/mesh-controller',
    revision: '',
    clusterDomain: 'cluster.local',
    trustDomain: 'cluster.local',
    clusterId: 'Kubernetes',
    network: '',
    rootNamespace: 'istio-system',
    image: 'cairn/waypoint:test',
    discoveryAddress: `cairn.${systemNamespace}.svc:15012`,
    ca: { kind: 'cairn', address: `cairn.${systemNamespace}.svc:15012` },
    lease: { name: 'cairn-leader', durationMs: 3_000, renewMs: 2_000, retryMs: 250 },
    ports: { xds: 0, admin: 0, health: 0, webhook: 0 },
    allowsPrivateJwks: false,
    onDemandAbove: 500,
    waypointAddress: '0.0.0.0',
    listenAddress: '127.0.0.1',
    ...changes,
  };
}

/** A control plane that runs in this process. */
export interface RunningControlPlane extends ClusterEndpoints {
  readonly controller: ClusterController;
  /** Its log: `level message {fields}`. */
  readonly log: readonly string[];
}

/** Timing of reflectors that suits tests: short waits. */
export const quickTiming = {
  backOff: { baseMs: 50, maxMs: 1_000 },
  silenceMs: 3_000,
  missing: [500, 1_000] as const,
};

/** Starts a control plane, and waits until it serves. */
export async function startControlPlane(
  access: ClusterAccess,
  settings: ClusterSettings,
): Promise<RunningControlPlane> {
  const { controller, log } = createControlPlane(access, settings);
  return { controller, log, ...(await controller.start()) };
}

/** A control plane that is not started yet. */
export function createControlPlane(
  access: ClusterAccess,
  settings: ClusterSettings,
): Pick<RunningControlPlane, 'controller' | 'log'> {
  const log: string[] = [];
  const controller = new ClusterController({
    access,
    settings,
    log: (level, message, fields) => void log.push(`${level} ${message} ${JSON.stringify(fields)}`),
    timing: quickTiming,
  });
  return { controller, log };
}

const gatewayLabel = 'gateway.networking.k8s.io/gateway-name';

/** Writes an object as a person would, whether it is there or not. */
export function apply(client: ApiClient, resource: ApiResource, object: KubernetesObject): Promise<KubernetesObject> {
  return client.apply(resource, object, { fieldManager: 'test', force: true });
}

/** A Gateway of class istio-waypoint; `labels` go on it. */
export async function applyWaypoint(
  client: ApiClient,
  namespace: string,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<void> {
  await apply(client, resources.Gateway, {
    metadata: { namespace, name, labels },
    spec: {
      gatewayClassName: 'istio-waypoint',
      listeners: [{ name: 'mesh', port: 15_008, protocol: 'HBONE' }],
    },
  });
}

/** A pod that runs and is Ready, as its kubelet would say. */
export async function applyPod(
  client: ApiClient,
  pod: {
    readonly namespace: string;
    readonly name: string;
    readonly ip: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly serviceAccount?: string;
  },
): Promise<void> {
  const { namespace, name, ip, labels = {}, annotations = {}, serviceAccount = 'default' } = pod;
  if ((await client.get(resources.ServiceAccount, namespace, serviceAccount)) === undefined) {
    await client.create(resources.ServiceAccount, { metadata: { namespace, name: serviceAccount } });
  }
  await apply(client, resources.Pod, {
    metadata: { namespace, name, labels, annotations },
    spec: {
      serviceAccountName: serviceAccount,
      automountServiceAccountToken: false,
      containers: [{ name: 'app', image: 'none' }],
    },
  });
  const now = new Date().toISOString();
  const status = {
    phase: 'Running',
    podIP: ip,
    podIPs: [{ ip }],
    conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: now }],
  };
  await client.patch(resources.Pod, namespace, name, { status }, { type: 'merge', subresource: 'status' });
}

/** The pod of a waypoint, as its Deployment would make it. */
export async function applyWaypointPod(
  client: ApiClient,
  namespace: string,
  gateway: string,
  pod: string,
  ip = '10.9.0.1',
): Promise<void> {
  const labels = { [gatewayLabel]: gateway, 'gateway.istio.io/managed': 'istio.io-mesh-controller' };
  await applyPod(client, { namespace, name: pod, ip, labels, serviceAccount: gateway });
}

/** A Service with one HTTP port, and its endpoints as one EndpointSlice. */
export async function applyService(
  client: ApiClient,
  service: {
    readonly namespace: string;
    readonly name: string;
    readonly port?: number;
    readonly clusterIP?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly selector?: Readonly<Record<string, string>>;
  },
): Promise<void> {
  const { namespace, name, port = 80, clusterIP, labels = {}, selector = { app: name } } = service;
  await apply(client, resources.Service, {
    metadata: { namespace, name, labels },
    spec: {
      selector,
      ports: [{ name: 'http', port, targetPort: port }],
      ...(clusterIP === undefined ? {} : { clusterIP }),
    },
  });
}

/** The endpoints of a Service: `pod` names the pod at an address. */
export async function applySlice(
  client: ApiClient,
  slice: {
    readonly namespace: string;
    readonly service: string;
    readonly port?: number;
    readonly endpoints: readonly { readonly ip: string; readonly pod?: string; readonly ready?: boolean }[];
  },
): Promise<void> {
  const { namespace, service, port = 80, endpoints } = slice;
  await apply(client, resources.EndpointSlice, {
    metadata: { namespace, name: `${service}-1`, labels: { 'kubernetes.io/service-name': service } },
    addressType: 'IPv4',
    ports: [{ name: 'http', port, protocol: 'TCP' }],
    endpoints: endpoints.map(({ ip, pod, ready = true }) => ({
      addresses: [ip],
      conditions: { ready },
      ...(pod === undefined ? {} : { targetRef: { kind: 'Pod', namespace, name: pod } }),
    })),
  });
}

/** A certificate of the control plane, by a token. */
export interface ClusterCertificate {
  readonly certificate: string;
  readonly key: string;
  readonly root: string;
}

/** The root certificate of the cluster's own authority. */
export async function readRoot(client: ApiClient): Promise<string> {
  const secret = await client.get(resources.Secret, systemNamespace, 'cairn-ca-secret');
  const data = secret?.['data'] as Readonly<Record<string, string>> | undefined;
  return Buffer.from(data?.['root-cert.pem'] ?? '', 'base64').toString('utf8');
}

/** Asks a control plane for a certificate as an agent does. */
export async function certify(
  server: TestApiServer,
  grpc: string,
  token: string,
  impersonate?: string,
): Promise<ClusterCertificate> {
  const root = await readRoot(server.client);
  const key = createPrivateKey();
  const chain = await requestCertificate({
    address: grpc,
    rootPem: root,
    serverName: `cairn.${systemNamespace}.svc`,
    token,
    csrPem: createRequest(key),
    ttlSeconds: 3600,
    ...(impersonate === undefined ? {} : { impersonate }),
  });
  return { certificate: chain.slice(0, -1).join(''), key: formatPrivateKey(key), root };
}

/** A token of a service account, bound to a pod, as it is mounted into waypoints. */
export function waypointToken(
  server: TestApiServer,
  namespace: string,
  account: string,
  pod?: string,
): Promise<string> {
  const bound = pod === undefined ? {} : { boundPod: pod };
  return server.createServiceAccountToken(namespace, account, { audiences: ['istio-ca'], ...bound });
}

/** The statements of a waypoint's Envoy about itself. */
export function waypointNode(
  namespace: string,
  gateway: string,
  pod: string,
): { id: string; metadata: Record<string, unknown> } {
  return {
    id: `waypoint~10.9.0.1~${pod}.${namespace}~${namespace}.svc.cluster.local`,
    metadata: { NAMESPACE: namespace, LABELS: { [gatewayLabel]: gateway } },
  };
}

/**
 * A stream as the pod of a waypoint opens it, with a certificate by its own token, subscribed to
 * everything of all types.
 */
export async function connectWaypoint(
  server: TestApiServer,
  grpc: string,
  waypoint: { readonly namespace: string; readonly gateway: string; readonly pod: string },
  acknowledge = true,
): Promise<DeltaAdsClient> {
  const { namespace, gateway, pod } = waypoint;
  const issued = await certify(server, grpc, await waypointToken(server, namespace, gateway, pod));
  const client = await connectDeltaAds(grpc, {
    node: waypointNode(namespace, gateway, pod),
    tls: { ...issued, serverName: `cairn.${systemNamespace}.svc` },
    acknowledge,
  });
  client.subscribe(types.cluster);
  client.subscribe(types.listener);
  return client;
}
