// The control plane's own objects: its pods, their Service, and their disruption budget.

import type { TemplateMeta, TemplateObject } from '../object.ts';
import { controlPlaneLabels, controlPlaneName, controlPlanePorts } from './names.ts';
import type { InstallSettings } from './settings.ts';

/** User and group of both images. */
const userId = 1337;

/**
 * Labels that no setting can change. The Service selects by some; the others keep the pods out of
 * the mesh that they configure.
 */
export const ownPodLabels: Readonly<Record<string, string>> = {
  ...controlPlaneLabels,
  'istio.io/dataplane-mode': 'none',
  'sidecar.istio.io/inject': 'false',
};

type Json = Readonly<Record<string, unknown>>;

/** Deployment, Service and PodDisruptionBudget. */
export function renderControlPlane(metadata: TemplateMeta, settings: InstallSettings): readonly TemplateObject[] {
  return [
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata,
      spec: {
        replicas: settings.replicas,
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
        selector: { matchLabels: controlPlaneLabels },
        template: {
          metadata: {
            labels: { ...settings.podLabels, ...ownPodLabels },
            annotations: settings.podAnnotations,
          },
          spec: renderPodSpec(settings),
        },
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      spec: {
        type: 'ClusterIP',
        selector: controlPlaneLabels,
        ports: [
          servicePort('grpc-xds', controlPlanePorts.xds, controlPlanePorts.xds),
          servicePort('https-webhook', 443, controlPlanePorts.webhook),
          servicePort('http-monitoring', controlPlanePorts.metrics, controlPlanePorts.health),
        ],
      },
    },
    {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata,
      spec: {
        // With one replica it still lets a node be drained.
        maxUnavailable: 1,
        selector: { matchLabels: controlPlaneLabels },
        unhealthyPodEvictionPolicy: 'AlwaysAllow',
      },
    },
  ];
}

function servicePort(name: string, port: number, targetPort: number): Json {
  return { name, port, protocol: 'TCP', targetPort };
}

function renderPodSpec(settings: InstallSettings): Json {
  return {
    serviceAccountName: controlPlaneName,
    terminationGracePeriodSeconds: 30,
    securityContext: {
      runAsNonRoot: true,
      runAsUser: userId,
      runAsGroup: userId,
      seccompProfile: { type: 'RuntimeDefault' },
    },
    imagePullSecrets: settings.imagePullSecrets,
    nodeSelector: settings.nodeSelector,
    tolerations: settings.tolerations,
    affinity: settings.affinity,
    topologySpreadConstraints: settings.topologySpreadConstraints,
    containers: [
      {
        name: 'controller',
        image: settings.image,
        imagePullPolicy: settings.imagePullPolicy,
        args: ['controller'],
        ports: [
          { name: 'grpc-xds', containerPort: controlPlanePorts.xds, protocol: 'TCP' },
          { name: 'https-webhook', containerPort: controlPlanePorts.webhook, protocol: 'TCP' },
          { name: 'http-health', containerPort: controlPlanePorts.health, protocol: 'TCP' },
        ],
        env: renderEnvironment(settings),
        resources: settings.resources,
        // Reading a large mesh takes time, and a new container would begin from the start.
        startupProbe: { ...probe('/readyz'), periodSeconds: 1, failureThreshold: 600 },
        readinessProbe: { ...probe('/readyz'), periodSeconds: 5, failureThreshold: 2 },
        livenessProbe: { ...probe('/healthz'), periodSeconds: 15, failureThreshold: 4 },
        securityContext: {
          privileged: false,
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          runAsNonRoot: true,
          capabilities: { drop: ['ALL'] },
        },
        volumeMounts: [
          { name: 'tmp', mountPath: '/tmp' },
          { name: 'istio-token', mountPath: '/var/run/secrets/tokens', readOnly: true },
        ],
      },
    ],
    volumes: [
      { name: 'tmp', emptyDir: {} },
      // Beside istiod: a token for istiod alone, which exchanges it for the certificate that
      // waypoints verify.
      {
        name: 'istio-token',
        projected: {
          sources: [{ serviceAccountToken: { audience: 'istio-ca', expirationSeconds: 43_200, path: 'istio-token' } }],
        },
      },
    ],
  };
}

function probe(path: string): Json {
  return { httpGet: { path, port: controlPlanePorts.health }, timeoutSeconds: 5 };
}

/** The variables that the controller reads in place of flags; an empty value is its default. */
function renderEnvironment(settings: InstallSettings): readonly Json[] {
  const fields = {
    POD_NAME: 'metadata.name',
    POD_NAMESPACE: 'metadata.namespace',
    POD_IP: 'status.podIP',
    POD_IPS: 'status.podIPs',
  };
  const values = {
    CAIRN_GATEWAY_CLASS: settings.gatewayClass,
    CAIRN_CONTROLLER_NAME: settings.controllerName,
    CAIRN_REVISION: settings.revision,
    CAIRN_TRUST_DOMAIN: settings.trustDomain,
    CAIRN_CLUSTER_DOMAIN: settings.clusterDomain,
    CAIRN_CLUSTER_ID: settings.clusterId,
    CAIRN_NETWORK: settings.network,
    CAIRN_ROOT_NAMESPACE: settings.rootNamespace,
    CAIRN_IMAGE: settings.waypointImage,
    CAIRN_IMAGE_PULL_POLICY: settings.imagePullPolicy,
    CAIRN_DISCOVERY_ADDRESS: `${controlPlaneName}.${settings.namespace}.svc:${controlPlanePorts.xds}`,
    CAIRN_CA: settings.ca,
    CAIRN_CA_ADDRESS: settings.caAddress,
    CAIRN_PRIVATE_JWKS: settings.privateJwks,
    CAIRN_LOG_LEVEL: settings.logLevel,
  };
  return [
    ...Object.entries(fields).map(([name, fieldPath]) => ({ name, valueFrom: { fieldRef: { fieldPath } } })),
    ...Object.entries(values).map(([name, value]) => ({ name, value })),
  ];
}
