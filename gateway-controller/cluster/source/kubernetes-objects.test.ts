import { describe, expect, it } from 'vitest';
import type { KubernetesObject } from '../../../kubernetes/index.ts';
import { type AnyMeshObject, defaultMeshSettings as settings } from '../../../mesh/index.ts';
import { readClusterObject, trimObject } from './kubernetes-objects.ts';

function read(object: KubernetesObject, inForce: readonly AnyMeshObject[] = []) {
  return readClusterObject(object, { inForce, settings });
}

const policy = (action: unknown): KubernetesObject => ({
  apiVersion: 'security.istio.io/v1',
  kind: 'AuthorizationPolicy',
  metadata: { name: 'viewer', namespace: 'shop' },
  spec: { action, targetRefs: [{ kind: 'Service', group: '', name: 'web' }], rules: [{}] },
});

describe('what cannot be used', () => {
  it('a policy that is spoilt denies, even where a good version was in force: no replica may be more open than another', () => {
    const good = read(policy('ALLOW'));
    expect(good.objects).toMatchObject([{ spec: { action: 'ALLOW' } }]);
    const spoilt = read(policy('PERHAPS'), good.objects);
    expect(spoilt.objects).toMatchObject([{ metadata: { name: 'viewer' }, spec: { action: 'DENY', rules: [{}] } }]);
    expect(spoilt.findings[0]?.message).toContain('everything to Service shop/web is denied');
  });

  it('a route that is spoilt keeps its last good version, and has none when it is new', () => {
    const route = (hosts: unknown): KubernetesObject => ({
      apiVersion: 'networking.istio.io/v1',
      kind: 'VirtualService',
      metadata: { name: 'web', namespace: 'shop' },
      spec: { hosts, http: [{ directResponse: { status: 404 } }] },
    });
    const good = read(route(['web']));
    expect(read(route('web'), good.objects).objects).toBe(good.objects);
    expect(read(route('web')).objects).toEqual([]);
    expect(read(route('web')).findings[0]?.severity).toBe('error');
  });

  it('a rule that is spoilt keeps its last good version; one that is new closes its host where it may ask for TLS', () => {
    const rule = (host: unknown, trafficPolicy: unknown): KubernetesObject => ({
      apiVersion: 'networking.istio.io/v1',
      kind: 'DestinationRule',
      metadata: { name: 'web', namespace: 'shop' },
      spec: { host, exportTo: ['.'], trafficPolicy },
    });
    const tls = { mode: 'SIMPLE' };
    const spoilt = rule('web', { tls, outlier: 7 });
    const good = read(rule('web', { tls }));
    expect(read(spoilt, good.objects).objects).toEqual(good.objects);
    const closed = read(spoilt);
    expect(closed.objects).toMatchObject([{ spec: { host: 'web', exportTo: ['.'] } }]);
    expect(closed.findings[0]?.message).toContain('requests to host "web" are answered with 503');
    // Broken again, in another way: a stand-in is no last good version.
    expect(read(rule('other', { tls, outlier: 7 }), closed.objects).objects).toMatchObject([
      { spec: { host: 'other' } },
    ]);
    expect(read(rule('web', { outlier: 7 }), closed.objects).objects).toEqual([]);
    expect(read(rule(7, { tls })).findings.at(-1)?.message).toContain('nothing is closed, since the host');
  });

  it('a MeshConfig that is spoilt from the start closes every waypoint, of whatever class; later the last good one stays', () => {
    const config = (mesh: string): KubernetesObject => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'istio', namespace: 'istio-system' },
      data: { mesh },
    });
    const good = read(config('trustDomain: example.org'));
    expect(good.objects).toMatchObject([{ kind: 'MeshConfig', spec: { trustDomain: 'example.org' } }]);
    expect(read(config('{'), good.objects).objects).toBe(good.objects);
    const closed = [
      { kind: 'AuthorizationPolicy', spec: { action: 'DENY', targetRefs: [{ kind: 'GatewayClass', name: '*' }] } },
    ];
    expect(read(config('{')).objects).toMatchObject(closed);
    // Broken again, in another way: a stand-in is no last good version.
    expect(read(config('trustDomain: 5'), read(config('{')).objects).objects).toMatchObject(closed);
  });
});

describe('where a waypoint listens', () => {
  const gateway = (annotations: Readonly<Record<string, string>>): KubernetesObject => ({
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'Gateway',
    metadata: { name: 'waypoint', namespace: 'shop', annotations },
    spec: { gatewayClassName: 'istio-waypoint', listeners: [{ name: 'mesh', port: 15_008, protocol: 'HBONE' }] },
  });
  const asked = { 'cairn.dev/listen-address': '127.0.0.1', other: 'stays' };

  it('is not for its Gateway to say', () => {
    expect(read(gateway(asked)).objects[0]?.metadata.annotations).toEqual({ other: 'stays' });
  });

  it('is IPv6 where pods have nothing else', () => {
    const { objects } = readClusterObject(gateway(asked), { inForce: [], settings, waypointAddress: '::' });
    expect(objects[0]?.metadata.annotations).toEqual({ 'cairn.dev/listen-address': '::', other: 'stays' });
  });
});

it('a PeerAuthentication is said to be somebody else’s affair', () => {
  const object = {
    apiVersion: 'security.istio.io/v1',
    kind: 'PeerAuthentication',
    metadata: { name: 'a', namespace: 'b' },
  };
  expect(read(object)).toMatchObject({
    objects: [],
    findings: [{ severity: 'info', ref: { kind: 'PeerAuthentication' } }],
  });
});

it('a field of a Service that is newer than this program is no mistake of the Service', () => {
  const service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'shop' },
    spec: { clusterIP: '10.0.0.1', ports: [{ port: 80, protocol: 'TCP' }], invention: true },
  };
  expect(read(trimObject(service))).toMatchObject({ objects: [{ spec: { clusterIP: '10.0.0.1' } }], findings: [] });
});

it('addresses that a status gives to the hosts of a ServiceEntry are theirs', () => {
  const entry = {
    apiVersion: 'networking.istio.io/v1',
    kind: 'ServiceEntry',
    metadata: { name: 'out', namespace: 'shop' },
    spec: { hosts: ['a.example'], ports: [{ number: 80, name: 'http', protocol: 'HTTP' }], resolution: 'DNS' },
    status: {
      addresses: [
        { host: 'a.example', value: '240.240.0.7' },
        { host: 'elsewhere', value: '240.240.0.8' },
      ],
    },
  };
  expect(read(entry).objects).toMatchObject([{ spec: { hostAddresses: { 'a.example': ['240.240.0.7'] } } }]);
});

it('a Pod is trimmed to what is read, and means the same', () => {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'web-1',
      namespace: 'shop',
      uid: 'u',
      resourceVersion: '7',
      labels: { app: 'web' },
      managedFields: [{ manager: 'kubelet' }],
      annotations: {
        'kubectl.kubernetes.io/last-applied-configuration': '{}',
        'ambient.istio.io/redirection': 'enabled',
      },
    },
    spec: {
      serviceAccountName: 'web',
      nodeName: 'n1',
      volumes: [{ name: 'big' }],
      initContainers: [
        { name: 'once', image: 'x', ports: [{ name: 'setup', containerPort: 1 }] },
        { name: 'beside', image: 'x', restartPolicy: 'Always', ports: [{ name: 'metrics', containerPort: 9090 }] },
      ],
      containers: [
        { name: 'app', image: 'x', env: [{ name: 'A', value: 'b' }], ports: [{ name: 'http', containerPort: 8080 }] },
      ],
    },
    status: {
      podIP: '10.1.0.1',
      podIPs: [{ ip: '10.1.0.1' }, { ip: 'fd00::1' }],
      conditions: [{ type: 'Ready', status: 'True' }],
      containerStatuses: [{ name: 'app' }],
    },
  };
  const trimmed = trimObject(pod);
  expect(JSON.stringify(trimmed)).not.toMatch(/managedFields|last-applied|volumes|image|containerStatuses|"env"/);
  expect(read(trimmed).objects).toMatchObject([{ spec: { ports: { http: 8080, metrics: 9090 } } }]);
  expect(read(trimmed).objects).toEqual(
    read(pod).objects.map((object) => ({
      ...object,
      metadata: { ...object.metadata, annotations: { 'ambient.istio.io/redirection': 'enabled' } },
    })),
  );
  expect(read(trimmed).objects).toMatchObject([
    { spec: { serviceAccountName: 'web', podIPs: ['10.1.0.1', 'fd00::1'], ready: true, ports: { http: 8080 } } },
  ]);
});
