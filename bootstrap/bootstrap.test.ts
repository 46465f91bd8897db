import { expect, it } from 'vitest';
import { renderBootstrap } from './bootstrap.ts';
import type { BootstrapInput } from './input.ts';

const input: BootstrapInput = {
  role: 'waypoint',
  podName: 'waypoint-1',
  namespace: 'default',
  serviceAccount: 'waypoint-account',
  instanceIp: '10.0.0.7',
  domain: 'cluster.local',
  labels: { app: 'a' },
  gatewayName: 'waypoint',
  clusterId: 'Kubernetes',
  nodeName: 'node-1',
  admin: { address: '127.0.0.1', port: 15000 },
  stats: { address: '0.0.0.0', port: 15090 },
  xds: { host: 'cairn.cairn-system.svc', port: 15012, identity: 'spiffe://cluster.local/ns/cairn-system/sa/cairn' },
  sdsSocket: '/state/sds.sock',
  heapLimit: 864 * 1024 * 1024,
};

function clusters(change: Partial<BootstrapInput> = {}): unknown {
  return renderBootstrap({ ...input, ...change })['static_resources'];
}

it('names the proxy as a control plane of Istio would expect it', () => {
  expect(renderBootstrap(input)['node']).toEqual({
    id: 'waypoint~10.0.0.7~waypoint-1.default~default.svc.cluster.local',
    cluster: 'waypoint-account.default',
    metadata: {
      NAME: 'waypoint-1',
      NAMESPACE: 'default',
      SERVICE_ACCOUNT: 'waypoint-account',
      INSTANCE_IPS: '10.0.0.7',
      LABELS: { app: 'a', 'gateway.networking.k8s.io/gateway-name': 'waypoint' },
      CLUSTER_ID: 'Kubernetes',
      NODE_NAME: 'node-1',
    },
  });
  expect(renderBootstrap({ ...input, role: 'ztunnel' })['node']).toMatchObject({
    id: expect.stringMatching(/^ztunnel~/) as string,
  });
});

it('trusts only the control plane with the right identity, over TLS 1.3, with certificates that the agent can rotate', () => {
  const sds = { sds_config: { api_config_source: { grpc_services: [{ envoy_grpc: { cluster_name: 'sds-grpc' } }] } } };
  const context = {
    sni: 'cairn.cairn-system.svc',
    common_tls_context: {
      tls_params: { tls_minimum_protocol_version: 'TLSv1_3', tls_maximum_protocol_version: 'TLSv1_3' },
      tls_certificate_sds_secret_configs: [{ name: 'default', ...sds }],
      combined_validation_context: {
        default_validation_context: {
          match_typed_subject_alt_names: [{ san_type: 'URI', matcher: { exact: input.xds.identity } }],
        },
        validation_context_sds_secret_config: { name: 'ROOTCA', ...sds },
      },
    },
  };
  expect(clusters()).toMatchObject({
    clusters: [{ name: 'xds-grpc', type: 'STRICT_DNS', transport_socket: { typed_config: context } }, {}, {}],
  });
});

it.each(['10.96.0.1', '127.7.0.1', 'fd00::1'])('does not ask DNS for the control plane at %s', (host) => {
  expect(clusters({ xds: { ...input.xds, host } })).toMatchObject({
    clusters: [
      {
        type: 'STATIC',
        load_assignment: {
          endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: host } } } }] }],
        },
      },
      {},
      {},
    ],
  });
});

it('waits for its first configuration and its secrets without a limit', () => {
  const text = JSON.stringify(renderBootstrap(input));
  expect(text.match(/"initial_fetch_timeout":"[^"]*"/g)).toEqual(Array(4).fill('"initial_fetch_timeout":"0s"'));
});

it('leads from the statistics port to nothing of the admin interface but the statistics', () => {
  const text = JSON.stringify(clusters());
  expect(text.match(/"routes":\[.*?\}\]/)?.[0]).toBe(
    '"routes":[{"match":{"path":"/stats/prometheus"},"route":{"cluster":"prometheus_stats"}}]',
  );
});
