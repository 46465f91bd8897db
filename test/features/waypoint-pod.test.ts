// The pod of a waypoint gives its container everything that the agent and Envoy need: two rooms
// must agree, without a cluster in between.

import { expect, it } from 'vitest';
import { parseAgentOptions } from '../../agent/index.ts';
import { withEnvironment } from '../support/environment.ts';
import { renderBootstrap } from '../../bootstrap/index.ts';
import {
  defaultWaypointTemplateSettings,
  renderWaypoint,
  type WaypointDeployment,
  type WaypointTemplateSettings,
} from '../../templates/index.ts';
import { findDeployment, readEnvironment } from '../support/pod.ts';

function deploy(
  settings: Partial<WaypointTemplateSettings> = {},
  annotations: Readonly<Record<string, string>> = {},
): WaypointDeployment {
  return {
    gateway: {
      name: 'reviews',
      namespace: 'prod',
      uid: 'u',
      labels: {},
      annotations,
      spec: { gatewayClassName: 'istio-waypoint', listeners: [{ name: 'mesh', port: 15008, protocol: 'HBONE' }] },
    },
    className: 'istio-waypoint',
    controllerName: 'istio.io/mesh-controller',
    settings: { ...defaultWaypointTemplateSettings, ...settings },
    overlays: [],
  };
}

function optionsOf(deployment: WaypointDeployment, podIp = '10.0.0.7'): ReturnType<typeof parseAgentOptions> {
  const env = readEnvironment(findDeployment(renderWaypoint(deployment).objects), {
    fields: {
      'metadata.name': 'reviews-5d4f-x2',
      'metadata.namespace': 'prod',
      'status.podIP': podIp,
      'spec.serviceAccountName': 'reviews',
      'spec.nodeName': 'node-1',
    },
    cpus: 2,
  });
  return withEnvironment(env, () => parseAgentOptions([], () => undefined));
}

it('starts the agent with everything it needs', () => {
  const { agent, logLevel, stopWithStdin } = optionsOf(deploy());
  expect({ logLevel, stopWithStdin }).toEqual({ logLevel: 'info', stopWithStdin: false });
  expect(agent).toEqual({
    role: 'waypoint',
    gatewayName: 'reviews',
    namespace: 'prod',
    serviceAccount: 'reviews',
    podName: 'reviews-5d4f-x2',
    instanceIp: '10.0.0.7',
    nodeName: 'node-1',
    clusterId: 'Kubernetes',
    labels: {},
    labelsFile: '/etc/istio/pod/labels',
    trustDomain: 'cluster.local',
    domain: 'cluster.local',
    xds: {
      host: 'cairn.cairn-system.svc',
      port: 15012,
      identity: 'spiffe://cluster.local/ns/cairn-system/sa/cairn',
    },
    ca: {
      address: 'cairn.cairn-system.svc:15012',
      serverName: 'cairn.cairn-system.svc',
      rootCertFile: '/var/run/secrets/istio/root-cert.pem',
      tokenFile: '/var/run/secrets/tokens/istio-token',
      ttlSeconds: 86_400,
    },
    admin: { address: '127.0.0.1', port: 15000 },
    stats: { address: '0.0.0.0', port: 15020 },
    health: { address: '0.0.0.0', port: 15021 },
    envoyStats: { address: '0.0.0.0', port: 15090 },
    stateDirectory: '/var/lib/istio/data',
    concurrency: 2,
    drainTimeSeconds: 45,
    terminationDrainSeconds: 30,
    minimumDrainSeconds: 5,
    flushIntervalMs: 1000,
    proxyLog: { level: 'warning', componentLevels: 'misc:error' },
  });
  const bootstrap = renderBootstrap({ ...agent, stats: agent.envoyStats, sdsSocket: '/s', heapLimit: 2 ** 30 });
  expect(bootstrap['node']).toMatchObject({
    id: 'waypoint~10.0.0.7~reviews-5d4f-x2.prod~prod.svc.cluster.local',
    cluster: 'reviews.prod',
  });
});

it("asks istiod for certificates where that is the mesh's authority", () => {
  const { agent } = optionsOf(deploy({ ca: { kind: 'istiod', address: 'istiod.istio-system.svc:15012' } }));
  expect(agent.ca).toMatchObject({ address: 'istiod.istio-system.svc:15012', serverName: 'istiod.istio-system.svc' });
  expect(agent.xds.host).toBe('cairn.cairn-system.svc');
});

it('is reached where pods have IPv6 addresses', () => {
  const { agent } = optionsOf(deploy(), 'fd00::7');
  expect([agent.health.address, agent.stats.address, agent.envoyStats.address]).toEqual(['::', '::', '::']);
});

it('takes log levels that are written for Istio', () => {
  const { agent, logLevel } = optionsOf(
    deploy(
      {},
      {
        'sidecar.istio.io/logLevel': 'debug',
        'sidecar.istio.io/componentLogLevel': 'http:trace,rbac:debug',
        'sidecar.istio.io/agentLogLevel': 'dns:error,default:debug',
      },
    ),
  );
  expect(agent.proxyLog).toEqual({ level: 'debug', componentLevels: 'http:trace,rbac:debug' });
  expect(logLevel).toBe('debug');
});

it('leaves the agent nothing to stumble over when the levels of a Gateway are mistyped', () => {
  const deployment = deploy(
    {},
    {
      'sidecar.istio.io/logLevel': 'loud',
      'sidecar.istio.io/componentLogLevel': 'http=trace',
      'sidecar.istio.io/agentLogLevel': 'verbose',
    },
  );
  expect(renderWaypoint(deployment).findings.map(({ severity }) => severity)).toEqual(Array(3).fill('warning'));
  const { agent, logLevel, warnings } = optionsOf(deployment);
  expect({ logLevel, warnings, proxyLog: agent.proxyLog }).toEqual({
    logLevel: 'info',
    warnings: [],
    proxyLog: { level: 'warning', componentLevels: 'misc:error' },
  });
});
