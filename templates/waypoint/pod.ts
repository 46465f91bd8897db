// The pod of a waypoint: one container with the agent and Envoy. It needs only environment, mounts
// and its own state. It passes the `restricted` Pod Security Standard.

import type { WaypointDeployment } from './deployment-input.ts';
import { resolveLogLevels } from './log-levels.ts';
import { renderPodAnnotations, renderPodLabels, resolveAnnotations } from './metadata.ts';
import { resolveWaypointNames } from './names.ts';

/**
 * Ports of a waypoint pod beside HBONE: the agent's statistics and health, Envoy's own statistics.
 */
export const podPorts = { stats: 15020, health: 15021, envoyStats: 15090 } as const;

/** The ConfigMap of the root certificate, and the key in it. */
export const rootCertificateMap = { name: 'istio-ca-root-cert', key: 'root-cert.pem' } as const;

const directories = {
  root: '/var/run/secrets/istio',
  token: '/var/run/secrets/tokens',
  podInfo: '/etc/istio/pod',
  state: '/var/lib/istio/data',
} as const;

/** User and group of both images. */
const userId = 1337;

/** After the drain: ending Envoy, and the agent itself. */
const shutdownSeconds = 15;

type Json = Readonly<Record<string, unknown>>;

/** The pod template of the Deployment. */
export function renderPodTemplate(deployment: WaypointDeployment): Json {
  const { settings } = deployment;
  return {
    metadata: {
      labels: renderPodLabels(deployment),
      annotations: renderPodAnnotations(deployment, podPorts.stats),
    },
    spec: {
      ...settings.scheduling,
      serviceAccountName: resolveWaypointNames(deployment.gateway).serviceAccount,
      // The token that the agent uses is mounted below, for one audience only.
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: settings.terminationDrainSeconds + shutdownSeconds,
      securityContext: {
        runAsNonRoot: true,
        runAsUser: userId,
        runAsGroup: userId,
        seccompProfile: { type: 'RuntimeDefault' },
      },
      ...(settings.imagePullSecrets.length === 0
        ? {}
        : { imagePullSecrets: settings.imagePullSecrets.map((name) => ({ name })) }),
      containers: [renderContainer(deployment)],
      volumes: renderVolumes(),
    },
  };
}

function renderContainer(deployment: WaypointDeployment): Json {
  const { settings } = deployment;
  const probe = { httpGet: { path: '/healthz/ready', port: podPorts.health }, timeoutSeconds: 1 };
  return {
    name: 'istio-proxy',
    image: resolveAnnotations(deployment)['sidecar.istio.io/proxyImage'] ?? settings.image,
    imagePullPolicy: settings.imagePullPolicy,
    ports: [
      { name: 'metrics', containerPort: podPorts.stats, protocol: 'TCP' },
      { name: 'status-port', containerPort: podPorts.health, protocol: 'TCP' },
      { name: 'http-envoy-prom', containerPort: podPorts.envoyStats, protocol: 'TCP' },
    ],
    env: renderEnvironment(deployment),
    resources: settings.resources,
    // The probe runs every second at first. It gives up late, because a new container would wait
    // for the same control plane.
    startupProbe: { ...probe, initialDelaySeconds: 1, periodSeconds: 1, failureThreshold: 600 },
    readinessProbe: { ...probe, periodSeconds: 15, failureThreshold: 4 },
    securityContext: {
      privileged: false,
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      runAsNonRoot: true,
      capabilities: { drop: ['ALL'] },
    },
    volumeMounts: [
      { name: 'istiod-ca-cert', mountPath: directories.root, readOnly: true },
      { name: 'istio-token', mountPath: directories.token, readOnly: true },
      { name: 'istio-podinfo', mountPath: directories.podInfo, readOnly: true },
      { name: 'istio-data', mountPath: directories.state },
    ],
  };
}

function renderVolumes(): readonly Json[] {
  return [
    { name: 'istiod-ca-cert', configMap: { name: rootCertificateMap.name } },
    {
      name: 'istio-token',
      projected: {
        sources: [{ serviceAccountToken: { audience: 'istio-ca', expirationSeconds: 43_200, path: 'istio-token' } }],
      },
    },
    {
      name: 'istio-podinfo',
      downwardAPI: {
        items: ['labels', 'annotations'].map((path) => ({ path, fieldRef: { fieldPath: `metadata.${path}` } })),
      },
    },
    { name: 'istio-data', emptyDir: {} },
  ];
}

/** The variables that the agent reads in place of flags. */
function renderEnvironment(deployment: WaypointDeployment): readonly Json[] {
  const { gateway, settings } = deployment;
  const levels = resolveLogLevels(deployment);
  const values: Readonly<Record<string, string>> = {
    CAIRN_GATEWAY: gateway.name,
    CAIRN_XDS_ADDRESS: settings.discoveryAddress,
    CAIRN_XDS_IDENTITY: settings.discoveryIdentity,
    CAIRN_CA_ADDRESS: settings.ca.kind === 'istiod' ? settings.ca.address : settings.discoveryAddress,
    CAIRN_ROOT_CERT_FILE: `${directories.root}/${rootCertificateMap.key}`,
    CAIRN_TOKEN_FILE: `${directories.token}/istio-token`,
    CAIRN_LABELS_FILE: `${directories.podInfo}/labels`,
    CAIRN_STATE_DIR: directories.state,
    CAIRN_TRUST_DOMAIN: settings.trustDomain,
    CAIRN_DOMAIN: settings.clusterDomain,
    CAIRN_CLUSTER_ID: settings.clusterId,
    CAIRN_NETWORK: settings.network,
    CAIRN_MINIMUM_DRAIN: String(settings.minimumDrainSeconds),
    CAIRN_TERMINATION_DRAIN: String(settings.terminationDrainSeconds),
    CAIRN_PROXY_LOG_LEVEL: levels.proxy,
    CAIRN_PROXY_COMPONENT_LOG_LEVEL: levels.proxyComponents,
    CAIRN_LOG_LEVEL: levels.agent,
    // One arena, so that the agent's memory does not grow with its threads.
    MALLOC_ARENA_MAX: '1',
  };
  return [
    ...Object.entries(fields).map(([name, fieldPath]) => ({ name, valueFrom: { fieldRef: { fieldPath } } })),
    // As many workers as the container may use cores, not as the node has.
    { name: 'CAIRN_CONCURRENCY', valueFrom: { resourceFieldRef: { resource: 'limits.cpu', divisor: '1' } } },
    ...Object.entries(values).flatMap(([name, value]) => (value === '' ? [] : [{ name, value }])),
  ];
}

const fields: Readonly<Record<string, string>> = {
  POD_NAME: 'metadata.name',
  POD_NAMESPACE: 'metadata.namespace',
  INSTANCE_IP: 'status.podIP',
  SERVICE_ACCOUNT: 'spec.serviceAccountName',
  NODE_NAME: 'spec.nodeName',
};
