// Statuses with several writers, and statuses of objects that keep changing: other controllers'
// entries stay, and a storm of changes causes few writes.

import { afterAll, beforeAll, expect, it } from 'vitest';
import { type KubernetesObject, resources } from '../../kubernetes/index.ts';
import {
  apply,
  applyService,
  applySlice,
  applyWaypoint,
  clusterSettings,
  type RunningControlPlane,
  startControlPlane,
  systemNamespace,
} from '../support/cluster-mesh.ts';
import { readConditionsOf, untilQuiet, writesOf } from '../support/cluster-writes.ts';
import { startApiServer, type TestApiServer } from '../support/kube-apiserver.ts';
import { accessAsShipped } from '../support/shipped-access.ts';
import { waitFor } from '../support/wait.ts';

let api: TestApiServer;
let plane: RunningControlPlane;

beforeAll(async () => {
  api = await startApiServer();
  await api.createNamespace(systemNamespace);
  await api.createNamespace('istio-system');
  await api.createNamespace('shop', { 'istio.io/use-waypoint': 'waypoint' });
  await applyWaypoint(api.client, 'shop', 'waypoint');
  plane = await startControlPlane(await accessAsShipped(api), clusterSettings('one'));
  await waitFor(() => plane.controller.isLeader, { timeout: 30_000 });
  await untilQuiet(plane);
}, 240_000);

afterAll(async () => {
  await plane?.controller.stop();
  await api?.stop();
}, 60_000);

const virtualService = (name: string, timeout: string): KubernetesObject => ({
  metadata: { namespace: 'shop', name },
  spec: { hosts: [name], http: [{ timeout, route: [{ destination: { host: name } }] }] },
});

it('refuses a ListenerSet of a waypoint, once, and leaves those of other Gateways alone', async () => {
  await apply(api.client, resources.Gateway, {
    metadata: { namespace: 'shop', name: 'ingress' },
    spec: {
      gatewayClassName: 'istio',
      listeners: [{ name: 'web', port: 80, protocol: 'HTTP' }],
    },
  });
  const listenerSet = (name: string, parent: string): Promise<unknown> =>
    apply(api.client, resources.ListenerSet, {
      metadata: { namespace: 'shop', name },
      spec: {
        parentRef: { name: parent, kind: 'Gateway', group: 'gateway.networking.k8s.io' },
        listeners: [{ name: 'more', port: 8080, protocol: 'HTTP' }],
      },
    });
  const writes = await writesOf(plane, async () => {
    await listenerSet('refused', 'waypoint');
    await listenerSet('theirs', 'ingress');
  });
  expect(writes).toEqual({ 'apply ListenerSet/status': 1 });
  const conditions = await readConditionsOf(api.client, resources.ListenerSet, 'shop', 'refused');
  const message = 'The "istio-waypoint" GatewayClass does not support ListenerSet';
  expect(conditions.filter(({ status }) => status === 'False')).toMatchObject([
    { type: 'Accepted', reason: 'NotAllowed', message, observedGeneration: 1 },
    { type: 'Programmed', reason: 'NotAllowed', message },
  ]);
}, 60_000);

it('says of a ServiceEntry with a wildcard that no waypoint serves it, until one does', async () => {
  const entry = (waypoint: string): Promise<unknown> =>
    apply(api.client, resources.ServiceEntry, {
      metadata: { namespace: 'shop', name: 'anywhere', labels: { 'istio.io/use-waypoint': waypoint } },
      spec: {
        hosts: ['*.example.com'],
        addresses: ['192.0.2.9'],
        location: 'MESH_EXTERNAL',
        resolution: 'DYNAMIC_DNS',
        ports: [{ number: 80, name: 'http', protocol: 'HTTP' }],
      },
    });
  const typesOf = async (): Promise<readonly unknown[]> =>
    (await readConditionsOf(api.client, resources.ServiceEntry, 'shop', 'anywhere')).map(({ type }) => type);
  expect(await writesOf(plane, () => entry('none'))).toEqual({ 'apply ServiceEntry/status': 1 });
  expect(await typesOf()).toEqual(['istio.io/WaypointMissing']);
  expect(await writesOf(plane, () => entry('waypoint'))).toEqual({ 'apply ServiceEntry/status': 1 });
  expect(await typesOf()).toEqual(['istio.io/WaypointBound']);
}, 60_000);

it('beside another control plane takes nothing away that the other one says', async () => {
  const now = '2026-01-01T00:00:00Z';
  const condition = {
    type: 'istio.io/WaypointBound',
    status: 'True',
    reason: 'WaypointAccepted',
    message: 'Successfully attached to waypoint shop/theirs',
    lastTransitionTime: now,
  };
  const labels = { 'istio.io/use-waypoint': 'theirs' };
  const lease = { name: 'cairn-guest', durationMs: 8_000, renewMs: 6_000, retryMs: 500 };
  await api.createNamespace('elsewhere');
  const guest = await startControlPlane(
    api.access,
    clusterSettings('guest', {
      gatewayClass: 'cairn-waypoint',
      controllerName: 'cairn.dev/waypoint-controller',
      lease,
    }),
  );
  try {
    await waitFor(() => guest.controller.isLeader, { timeout: 30_000 });
    await plane.controller.stop();
    const theirs = async (): Promise<void> => {
      await applyWaypoint(api.client, 'elsewhere', 'theirs');
      await applyService(api.client, { namespace: 'elsewhere', name: 'web', labels });
      await apply(api.client, resources.ServiceEntry, {
        metadata: { namespace: 'elsewhere', name: 'out', labels },
        spec: { hosts: ['out.example.com'], addresses: ['192.0.2.1'], resolution: 'STATIC' },
      });
      // Both wrong, and for their Gateway to judge.
      const subset = { host: 'web', subset: 'nowhere' };
      await apply(api.client, resources.VirtualService, {
        metadata: { namespace: 'elsewhere', name: 'web' },
        spec: { hosts: ['web'], http: [{ route: [{ destination: subset }] }] },
      });
      await apply(api.client, resources.DestinationRule, {
        metadata: { namespace: 'elsewhere', name: 'web' },
        spec: { host: 'web', subsets: [{ name: 'v1', labels: { version: 'none' } }] },
      });
      for (const [resource, name] of [
        [resources.Service, 'web'],
        [resources.ServiceEntry, 'out'],
      ] as const) {
        const object = { metadata: { namespace: 'elsewhere', name }, status: { conditions: [condition] } };
        await api.client.apply(resource, object, { fieldManager: 'istio-ambient-service', subresource: 'status' });
      }
    };
    expect(await writesOf(guest, theirs)).toEqual({});
    for (const [resource, name] of [
      [resources.Service, 'web'],
      [resources.ServiceEntry, 'out'],
    ] as const) {
      expect(await readConditionsOf(api.client, resource, 'elsewhere', name), name).toMatchObject([condition]);
    }
  } finally {
    await guest.controller.stop();
    plane = await startControlPlane(await accessAsShipped(api), clusterSettings('two'));
    await waitFor(() => plane.controller.isLeader, { timeout: 30_000 });
  }
}, 120_000);

it('answers a storm of edits with few writes, and says in the end what the last of them means', async () => {
  const names = ['first', 'second', 'third'];
  for (const name of names) await applyService(api.client, { namespace: 'shop', name });
  await Promise.all(names.map((name) => apply(api.client, resources.VirtualService, virtualService(name, '1s'))));
  const edits = 150;
  const writes = await writesOf(plane, async () => {
    for (let edit = 1; edit <= edits; edit += 1) {
      await Promise.all(
        names.map((name) => apply(api.client, resources.VirtualService, virtualService(name, `${edit + 1}s`))),
      );
    }
    const isSaid = async (name: string): Promise<boolean> => {
      const [said] = await readConditionsOf(api.client, resources.VirtualService, 'shop', name);
      return said?.['observedGeneration'] === edits + 1;
    };
    for (const name of names) await waitFor(() => isSaid(name), { timeout: 90_000 });
  });
  expect(Object.keys(writes)).toEqual(['apply VirtualService/status']);
  // Ten of each object at once, then later and later; some are refused since the object is another
  // meanwhile, and count too.
  expect(writes['apply VirtualService/status']).toBeLessThanOrEqual(30 * names.length);
}, 180_000);

it('writes nothing for a storm of changes that no status is about', async () => {
  const storm = async (): Promise<void> => {
    for (let round = 0; round < 100; round += 1) {
      const endpoints = [{ ip: `10.1.0.${round + 1}`, ready: round % 2 === 0 }];
      await applySlice(api.client, { namespace: 'shop', service: 'first', endpoints });
    }
  };
  expect(await writesOf(plane, storm)).toEqual({});
}, 120_000);
