// Statuses on a real API server, compared with Istio's own words for the same mesh, and counted,
// since a status that is written too often is a storm.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ClusterAccess, resources } from '../../kubernetes/index.ts';
import {
  apply,
  applyService,
  applyWaypoint,
  applyWaypointPod,
  clusterSettings,
  type RunningControlPlane,
  startControlPlane,
  systemNamespace,
} from '../support/cluster-mesh.ts';
import { readConditionsOf, statusOf, untilQuiet, writesOf } from '../support/cluster-writes.ts';
import { startApiServer, type TestApiServer } from '../support/kube-apiserver.ts';
import { type NetworkPath, openPath } from '../support/network-path.ts';
import { accessAsShipped } from '../support/shipped-access.ts';
import { waitFor } from '../support/wait.ts';

let api: TestApiServer;
let access: ClusterAccess;
/** Between the first replica and the API. */
let way: NetworkPath;
let plane: RunningControlPlane;

/**
 * Istio's statuses of the same mesh, as far as they are comparable: the class names the controller.
 */
const expected = {
  gateway: {
    addresses: [
      { type: 'IPAddress', value: 'the address of the Service' },
      { type: 'Hostname', value: 'waypoint.shop.svc.cluster.local' },
    ],
    conditions: [
      { type: 'Accepted', status: 'True', reason: 'Accepted', message: 'Resource accepted', observedGeneration: 1 },
      {
        type: 'Programmed',
        status: 'True',
        reason: 'Programmed',
        message: 'Resource programmed, assigned to service(s) waypoint.shop.svc.cluster.local:15008',
        observedGeneration: 1,
      },
    ],
    listeners: [
      {
        name: 'mesh',
        attachedRoutes: 0,
        supportedKinds: [],
        conditions: [
          { type: 'Accepted', status: 'True', reason: 'Accepted' },
          { type: 'Conflicted', status: 'False', reason: 'NoConflicts' },
          { type: 'Programmed', status: 'True', reason: 'Programmed' },
          { type: 'ResolvedRefs', status: 'True', reason: 'ResolvedRefs' },
        ].map((condition) => ({ ...condition, message: 'No errors found', observedGeneration: 1 })),
      },
    ],
  },
  service: {
    conditions: [
      {
        type: 'istio.io/WaypointBound',
        status: 'True',
        reason: 'WaypointAccepted',
        message: 'Successfully attached to waypoint shop/waypoint',
      },
    ],
  },
  policy: {
    conditions: [
      {
        type: 'WaypointAccepted',
        status: 'True',
        reason: 'Accepted',
        message: 'bound to shop/waypoint',
        observedGeneration: 1,
      },
    ],
  },
  class: {
    conditions: [
      {
        type: 'Accepted',
        status: 'True',
        reason: 'Accepted',
        message: 'Handled by Cairn controller',
        observedGeneration: 1,
      },
    ],
  },
};

beforeAll(async () => {
  api = await startApiServer();
  await api.createNamespace(systemNamespace);
  await api.createNamespace('istio-system');
  await api.createNamespace('shop', { 'istio.io/use-waypoint': 'waypoint' });
  access = await accessAsShipped(api);
  way = await openPath(api.url);
  plane = await startControlPlane({ ...access, server: way.url }, settingsOf('one'));
}, 240_000);

afterAll(async () => {
  await plane?.controller.stop();
  way?.cut();
  await api?.stop();
}, 60_000);

/** A lease that a busy machine does not make its holder lose. */
function settingsOf(identity: string): ReturnType<typeof clusterSettings> {
  const lease = { name: 'cairn-leader', durationMs: 8_000, renewMs: 6_000, retryMs: 500 };
  return clusterSettings(identity, { lease });
}

/** Without the parts that differ from run to run. */
function comparable(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (key, each: unknown) =>
      key === 'lastTransitionTime' || key === 'loadBalancer' ? undefined : each,
    ),
  );
}

/** The words of a kubelet and a stream about the waypoint's pod. */
async function acceptConfiguration(pod: string, status = 'True', message = ''): Promise<void> {
  const now = new Date().toISOString();
  const condition = {
    type: 'cairn.dev/ConfigurationAccepted',
    status,
    reason: 'Tested',
    message,
    lastTransitionTime: now,
  };
  await api.client.patch(
    resources.Pod,
    'shop',
    pod,
    { status: { conditions: [condition] } },
    { type: 'strategic', subresource: 'status' },
  );
}

async function gatewayStatus(): Promise<Readonly<Record<string, unknown>>> {
  return statusOf(await api.client.get(resources.Gateway, 'shop', 'waypoint'));
}

async function conditionOf(
  resource: Parameters<typeof readConditionsOf>[1],
  name: string,
  type: string,
): Promise<Readonly<Record<string, string | number>> | undefined> {
  const conditions = await readConditionsOf(api.client, resource, 'shop', name);
  return conditions.find((condition) => condition['type'] === type);
}

describe('the status of a mesh', () => {
  it('says that a Gateway waits for pods, and its services for it', async () => {
    await applyService(api.client, { namespace: 'shop', name: 'reviews' });
    await applyWaypoint(api.client, 'shop', 'waypoint');
    await waitFor(
      async () => {
        const [, programmed] = await readConditionsOf(api.client, resources.Gateway, 'shop', 'waypoint');
        return programmed?.['reason'] === 'AddressNotUsable' && String(programmed['message']).includes('no instances');
      },
      { timeout: 30_000, seen: () => plane.log.slice(-10).join('\n') },
    );
    const bound = await conditionOf(resources.Service, 'reviews', 'istio.io/WaypointBound');
    expect(bound).toMatchObject({ status: 'False', reason: 'WaypointIsNotReady' });
  }, 60_000);

  it('is Programmed once a Ready pod took a configuration, in Istio’s words', async () => {
    await apply(api.client, resources.AuthorizationPolicy, {
      metadata: { namespace: 'shop', name: 'viewer' },
      spec: { targetRefs: [{ group: '', kind: 'Service', name: 'reviews' }], rules: [{}] },
    });
    await applyWaypointPod(api.client, 'shop', 'waypoint', 'waypoint-1');
    await untilQuiet(plane);
    expect(await gatewayStatus()).not.toHaveProperty('addresses');
    await acceptConfiguration('waypoint-1');
    await waitFor(async () => (await gatewayStatus())['addresses'] !== undefined, { timeout: 30_000 });
    await untilQuiet(plane);

    const service = await api.client.get(resources.Service, 'shop', 'waypoint');
    const { clusterIP = '' } = (service?.['spec'] ?? {}) as { readonly clusterIP?: string };
    const status = {
      gateway: await gatewayStatus(),
      service: statusOf(await api.client.get(resources.Service, 'shop', 'reviews')),
      policy: statusOf(await api.client.get(resources.AuthorizationPolicy, 'shop', 'viewer')),
      class: statusOf(await api.client.get(resources.GatewayClass, undefined, 'istio-waypoint')),
    };
    const text = JSON.stringify(status).replaceAll(clusterIP, 'the address of the Service');
    expect(comparable(JSON.parse(text))).toEqual(expected);
  }, 60_000);

  it('writes nothing when nothing changes, and its own writes lead to none', async () => {
    expect(await writesOf(plane, async () => undefined)).toEqual({});
  }, 60_000);

  it('costs one write for one edit', async () => {
    const virtualService = (timeout: string): Promise<unknown> =>
      apply(api.client, resources.VirtualService, {
        metadata: { namespace: 'shop', name: 'reviews' },
        spec: { hosts: ['reviews'], http: [{ timeout, route: [{ destination: { host: 'reviews' } }] }] },
      });
    await virtualService('1s');
    expect(await writesOf(plane, () => virtualService('2s'))).toEqual({ 'apply VirtualService/status': 1 });
    const condition = await conditionOf(resources.VirtualService, 'reviews', 'cairn.dev/Accepted');
    expect(condition).toMatchObject({ status: 'True', observedGeneration: 2 });
  }, 60_000);

  it('costs one write for each of a hundred services that come at once', async () => {
    const names = Array.from({ length: 100 }, (_, index) => `many-${index}`);
    const writes = await writesOf(plane, () =>
      Promise.all(names.map((name) => applyService(api.client, { namespace: 'shop', name }))),
    );
    expect(writes).toEqual({ 'apply Service/status': 100 });
    await Promise.all(names.map((name) => api.client.delete(resources.Service, 'shop', name)));
  }, 120_000);

  it('tells the addresses that the hosts of a ServiceEntry were given, with its binding', async () => {
    const read = async (): Promise<Readonly<Record<string, unknown>>> =>
      statusOf(await api.client.get(resources.ServiceEntry, 'shop', 'outside'));
    const writes = await writesOf(plane, () =>
      apply(api.client, resources.ServiceEntry, {
        metadata: { namespace: 'shop', name: 'outside' },
        spec: {
          hosts: ['outside.example.com'],
          location: 'MESH_EXTERNAL',
          resolution: 'DNS',
          ports: [{ number: 80, name: 'http', protocol: 'HTTP' }],
        },
      }),
    );
    expect(writes).toEqual({ 'apply ServiceEntry/status': 1 });
    const { addresses, conditions } = await read();
    const given = addresses as readonly { readonly host: string; readonly value: string }[];
    expect(given.map(({ host }) => host)).toContain('outside.example.com');
    expect(given.map(({ value }) => value).join(' ')).toMatch(/240\.240\.\d+\.\d+/);
    expect(conditions).toMatchObject([{ type: 'istio.io/WaypointBound', status: 'True' }]);
  }, 60_000);

  it('tells what is wrong with a VirtualService and a DestinationRule, once, in an Event too', async () => {
    await apply(api.client, resources.VirtualService, {
      metadata: { namespace: 'shop', name: 'broken' },
      spec: { hosts: ['absent'], http: [{ route: [{ destination: { host: 'absent', subset: 'v9' } }] }] },
    });
    await apply(api.client, resources.DestinationRule, {
      metadata: { namespace: 'shop', name: 'broken' },
      spec: { host: 'absent' },
    });
    await untilQuiet(plane);
    for (const resource of [resources.VirtualService, resources.DestinationRule]) {
      const condition = await conditionOf(resource, 'broken', 'cairn.dev/Accepted');
      expect(String(condition?.['message'])).toContain('absent');
    }
    const events = (): Promise<readonly unknown[]> => api.client.list(resources.Event, { namespace: 'shop' });
    await waitFor(async () => JSON.stringify(await events()).includes('absent'), { timeout: 20_000 });
    const before = (await events()).length;
    await apply(api.client, resources.DestinationRule, {
      metadata: { namespace: 'shop', name: 'broken', labels: { touched: 'yes' } },
      spec: { host: 'absent' },
    });
    await untilQuiet(plane);
    expect((await events()).length).toBe(before);
  }, 60_000);

  it('tells what became of an XBackendTrafficPolicy for each of its targets', async () => {
    const put = (name: string, targets: readonly string[]): Promise<unknown> =>
      apply(api.client, resources.XBackendTrafficPolicy, {
        metadata: { namespace: 'shop', name },
        spec: {
          targetRefs: targets.map((target) => ({ group: '', kind: 'Service', name: target })),
          retryConstraint: { budget: { percent: 15, interval: '30s' }, minRetryRate: { count: 4, interval: '10s' } },
        },
      });
    const said = async (name: string): Promise<readonly string[]> => {
      const { ancestors = [] } = statusOf(await api.client.get(resources.XBackendTrafficPolicy, 'shop', name)) as {
        readonly ancestors?: readonly {
          readonly ancestorRef: { readonly name: string };
          readonly conditions: readonly { readonly type: string; readonly status: string; readonly reason: string }[];
        }[];
      };
      return ancestors.flatMap(({ ancestorRef, conditions }) =>
        conditions.map(({ type, status, reason }) => `${ancestorRef.name} ${type} ${status} ${reason}`),
      );
    };
    await put('first', ['reviews']);
    await waitFor(async () => (await said('first')).join() === 'reviews Accepted True Accepted', { timeout: 20_000 });
    await put('second', ['reviews', 'absent']);
    await waitFor(async () => (await said('second')).length === 2, { timeout: 20_000 });
    expect(await said('second')).toEqual(['reviews Accepted False Conflicted', 'absent Accepted False TargetNotFound']);
    expect(await writesOf(plane, () => put('first', ['reviews']))).toEqual({});
    await api.client.delete(resources.XBackendTrafficPolicy, 'shop', 'first');
    await waitFor(async () => (await said('second')).includes('reviews Accepted True Accepted'), { timeout: 20_000 });
    await api.client.delete(resources.XBackendTrafficPolicy, 'shop', 'second');
    await untilQuiet(plane);
  }, 60_000);

  it('counts an Event on when its Finding comes back, in place of another Event', async () => {
    const host = (destination: string): Promise<unknown> =>
      apply(api.client, resources.VirtualService, {
        metadata: { namespace: 'shop', name: 'again' },
        spec: { hosts: ['reviews'], http: [{ route: [{ destination: { host: destination } }] }] },
      });
    const events = async (): Promise<readonly Readonly<Record<string, unknown>>[]> =>
      (await api.client.list(resources.Event, { namespace: 'shop' })).filter(
        ({ metadata, ...rest }) => metadata.name.startsWith('again.') && JSON.stringify(rest).includes('vanished'),
      );
    await host('vanished');
    await waitFor(async () => (await events()).length === 1, { timeout: 20_000 });
    await host('reviews');
    await untilQuiet(plane);
    await host('vanished');
    await waitFor(async () => JSON.stringify((await events())[0]?.['series'] ?? {}).includes('"count":2'), {
      timeout: 20_000,
      seen: () => plane.log.slice(-8).join('\n'),
    });
    expect(await events()).toHaveLength(1);
    await api.client.delete(resources.VirtualService, 'shop', 'again');
  }, 60_000);

  it('keeps the entries of others in the parents of a route', async () => {
    const parentRef = { group: '', kind: 'Service', name: 'reviews', port: 80 };
    await apply(api.client, resources.HTTPRoute, {
      metadata: { namespace: 'shop', name: 'reviews' },
      spec: { parentRefs: [parentRef], rules: [{ backendRefs: [{ name: 'reviews', port: 80 }] }] },
    });
    await untilQuiet(plane);
    const parents = async (): Promise<readonly Readonly<Record<string, unknown>>[]> =>
      (statusOf(await api.client.get(resources.HTTPRoute, 'shop', 'reviews'))['parents'] ?? []) as readonly Readonly<
        Record<string, unknown>
      >[];
    const [own] = await parents();
    expect(own).toMatchObject({ controllerName: 'istio.io/gateway-controller', parentRef });
    const theirs = { ...own, controllerName: 'example.com/other' };
    const patch = { status: { parents: [own, theirs] } };
    expect(
      await writesOf(plane, () =>
        api.client.patch(resources.HTTPRoute, 'shop', 'reviews', patch, { type: 'merge', subresource: 'status' }),
      ),
    ).toEqual({});
    await apply(api.client, resources.HTTPRoute, {
      metadata: { namespace: 'shop', name: 'reviews' },
      spec: { parentRefs: [{ ...parentRef, name: 'gone' }], rules: [{ backendRefs: [{ name: 'reviews', port: 80 }] }] },
    });
    await untilQuiet(plane);
    const controllers = (await parents()).map(({ controllerName }) => controllerName);
    expect(new Set(controllers)).toEqual(new Set(['example.com/other', 'istio.io/gateway-controller']));
    const ours = (await parents()).find(({ controllerName }) => controllerName === 'istio.io/gateway-controller');
    expect(ours).toMatchObject({ parentRef: { name: 'gone' } });
  }, 60_000);

  it('takes its condition away when a service asks for no waypoint any more, and keeps others’', async () => {
    const others = {
      type: 'example.com/Seen',
      status: 'True',
      reason: 'Seen',
      message: '',
      lastTransitionTime: '2026-01-01T00:00:00Z',
    };
    await api.client.apply(
      resources.Service,
      { metadata: { namespace: 'shop', name: 'reviews' }, status: { conditions: [others] } },
      { fieldManager: 'other', subresource: 'status' },
    );
    const labels = { 'istio.io/use-waypoint': 'none' };
    await api.client.patch(resources.Service, 'shop', 'reviews', { metadata: { labels } }, { type: 'merge' });
    await waitFor(
      async () => (await conditionOf(resources.Service, 'reviews', 'istio.io/WaypointBound')) === undefined,
      { timeout: 20_000 },
    );
    expect(await conditionOf(resources.Service, 'reviews', 'example.com/Seen')).toMatchObject({ reason: 'Seen' });
    await untilQuiet(plane);
    const policy = await conditionOf(resources.AuthorizationPolicy, 'viewer', 'WaypointAccepted');
    expect(policy).toMatchObject({ status: 'False', reason: 'AncestorNotBound' });
  }, 60_000);

  it('says which pod refused a configuration, and stays Programmed on the one before', async () => {
    await acceptConfiguration('waypoint-1', 'False', 'no such regex engine');
    await waitFor(
      async () =>
        String(
          (await conditionOf(resources.Gateway, 'waypoint', 'cairn.dev/ConfigurationAccepted'))?.['message'],
        ).includes('no such regex engine'),
      { timeout: 20_000 },
    );
    expect(await conditionOf(resources.Gateway, 'waypoint', 'Programmed')).toMatchObject({ status: 'True' });
    await acceptConfiguration('waypoint-1');
    await waitFor(
      async () => (await conditionOf(resources.Gateway, 'waypoint', 'cairn.dev/ConfigurationAccepted')) === undefined,
      { timeout: 20_000 },
    );
  }, 60_000);

  it('survives a crash of the API server: what changed meanwhile is told, and nothing twice', async () => {
    const labels = (value: string) => ({ 'istio.io/use-waypoint': value });
    await api.kill();
    await api.restart();
    await api.client.patch(
      resources.Service,
      'shop',
      'reviews',
      { metadata: { labels: labels('waypoint') } },
      { type: 'merge' },
    );
    await waitFor(
      async () => (await conditionOf(resources.Service, 'reviews', 'istio.io/WaypointBound'))?.['status'] === 'True',
      { timeout: 40_000 },
    );
    await untilQuiet(plane);
    expect(await writesOf(plane, async () => undefined)).toEqual({});
  }, 120_000);
});

describe('two replicas', () => {
  it('write nothing twice, and the other goes on within the lease time when the leader is cut off', async () => {
    await waitFor(() => plane.controller.isLeader, { timeout: 30_000 });
    const second = await startControlPlane(access, settingsOf('two'));
    try {
      expect({ first: plane.controller.isLeader, second: second.controller.isLeader }).toEqual({
        first: true,
        second: false,
      });
      await untilQuiet(plane);
      way.cut();
      await waitFor(() => second.controller.isLeader && !plane.controller.isLeader, { timeout: 40_000 });
      // Everything is said already: taking over writes nothing.
      await untilQuiet(second);
      const statuses = [...second.controller.requests.keys()].filter((key) => key.endsWith('/status'));
      expect(statuses).toEqual([]);
      await applyService(api.client, { namespace: 'shop', name: 'ratings' });
      await waitFor(
        async () => (await conditionOf(resources.Service, 'ratings', 'istio.io/WaypointBound'))?.['status'] === 'True',
        { timeout: 20_000 },
      );
    } finally {
      await second.controller.stop();
    }
  }, 120_000);
});
