// The bookstore as pods, and the clients: programs of this checkout, each one file in a ConfigMap,
// run by the Node of the controller's image.

import type { KubernetesObject } from '../../kubernetes/index.ts';
import { defaultInstallSettings } from '../../templates/index.ts';

/** The image with Node, and in `/app` the packages that the client needs. */
export const appImage: string = defaultInstallSettings.image;

const restricted = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  runAsNonRoot: true,
  runAsUser: 1337,
  seccompProfile: { type: 'RuntimeDefault' },
};
const port = 9080;
const versions: Readonly<Record<string, readonly string[]>> = {
  productpage: ['v1'],
  details: ['v1'],
  reviews: ['v1', 'v2', 'v3'],
  ratings: ['v1'],
};

/**
 * Everything of the bookstore in a namespace: accounts, plans, Services and Deployments. `program`
 * is its source as one file.
 */
export function bookinfoObjects(namespace: string, program: string): readonly KubernetesObject[] {
  const urls = Object.fromEntries(
    Object.keys(versions).map((service) => [service, `http://${service}.${namespace}.svc.cluster.local:${port}`]),
  );
  return Object.entries(versions).flatMap(([service, each]) => [
    {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { namespace, name: `bookinfo-${service}` },
      automountServiceAccountToken: false,
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { namespace, name: service, labels: { app: service } },
      spec: { selector: { app: service }, ports: [{ name: 'http', port }] },
    },
    ...each.flatMap((version) => {
      const name = `${service}-${version}`;
      const labels = { app: service, version };
      const plan = { workloads: [{ service, version, address: '0.0.0.0', port }], urls };
      return [
        {
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: { namespace, name: `plan-${name}` },
          data: { 'main.mjs': program, 'plan.json': JSON.stringify(plan) },
        },
        deployment(namespace, name, labels, {
          serviceAccountName: `bookinfo-${service}`,
          automountServiceAccountToken: false,
          containers: [
            {
              name: 'app',
              image: appImage,
              imagePullPolicy: 'Never',
              command: ['node', '/plan/main.mjs', '/plan/plan.json'],
              ports: [{ containerPort: port }],
              // On a busy machine a late answer must not take an instance out of its Service: that
              // would be no fault of the mesh.
              readinessProbe: {
                httpGet: { path: '/health', port },
                periodSeconds: 1,
                timeoutSeconds: 10,
                failureThreshold: 30,
              },
              securityContext: restricted,
              volumeMounts: [{ name: 'plan', mountPath: '/plan' }],
            },
          ],
          volumes: [{ name: 'plan', configMap: { name: `plan-${name}` } }],
        }),
      ];
    }),
  ]);
}

/** A pod that speaks HBONE as the service account `name`; `program` is its source as one file. */
export function clientObjects(namespace: string, name: string, program: string): readonly KubernetesObject[] {
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { namespace, name } },
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { namespace, name: `program-${name}` },
      data: { 'main.mjs': program },
    },
    deployment(
      namespace,
      name,
      { app: name },
      {
        serviceAccountName: name,
        automountServiceAccountToken: false,
        containers: [
          {
            name: 'client',
            image: appImage,
            imagePullPolicy: 'Never',
            // Below /app, so that it finds the packages there.
            command: ['node', '/app/client/main.mjs'],
            readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 },
            env: [{ name: 'CA_ADDRESS', value: 'cairn.cairn-system.svc:15012' }],
            securityContext: restricted,
            volumeMounts: [
              { name: 'program', mountPath: '/app/client' },
              { name: 'token', mountPath: '/var/run/secrets/tokens' },
              { name: 'root', mountPath: '/var/run/secrets/istio' },
            ],
          },
        ],
        volumes: [
          { name: 'program', configMap: { name: `program-${name}` } },
          {
            name: 'token',
            projected: { sources: [{ serviceAccountToken: { audience: 'istio-ca', path: 'istio-token' } }] },
          },
          // It comes with the first waypoint of the namespace.
          { name: 'root', configMap: { name: 'istio-ca-root-cert', optional: true } },
        ],
      },
    ),
  ];
}

function deployment(
  namespace: string,
  name: string,
  labels: Readonly<Record<string, string>>,
  podSpec: object,
): KubernetesObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { namespace, name },
    spec: {
      replicas: 1,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { terminationGracePeriodSeconds: 2, ...podSpec } },
    },
  };
}
