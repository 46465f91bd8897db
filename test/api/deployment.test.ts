// The deployment of Gateways on a real API server: objects are there, stay as they are, go when
// they are not asked for, and are never taken from others.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiResource, type ClusterAccess, type KubernetesObject, resources } from '../../kubernetes/index.ts';
import {
  apply,
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
let access: ClusterAccess;
let plane: RunningControlPlane;

beforeAll(async () => {
  api = await startApiServer();
  await api.createNamespace(systemNamespace);
  await api.createNamespace('shop');
  access = await accessAsShipped(api);
  plane = await startControlPlane(access, clusterSettings('one'));
}, 240_000);

afterAll(async () => {
  await plane?.controller.stop();
  await api?.stop();
}, 60_000);

function get(resource: ApiResource, name: string): Promise<KubernetesObject | undefined> {
  return api.client.get(resource, 'shop', name);
}

async function settle(resource: ApiResource, name: string): Promise<KubernetesObject> {
  await waitFor(async () => (await get(resource, name)) !== undefined, {
    timeout: 30_000,
    what: `${resource.kind} ${name}`,
    seen: () => plane.log.slice(-10).join('\n'),
  });
  await untilQuiet(plane);
  const found = await get(resource, name);
  if (found === undefined) throw new Error(`${resource.kind} ${name} is gone again`);
  return found;
}

function containerOf(deployment: KubernetesObject | undefined): Readonly<Record<string, unknown>> {
  const spec = deployment?.['spec'] as
    | { readonly template: { readonly spec: { readonly containers: readonly Readonly<Record<string, unknown>>[] } } }
    | undefined;
  return spec?.template.spec.containers[0] ?? {};
}

describe('a Gateway', () => {
  it('gets its objects, owned by it and labelled', async () => {
    await applyWaypoint(api.client, 'shop', 'waypoint');
    await settle(resources.Deployment, 'waypoint');
    const gateway = await get(resources.Gateway, 'waypoint');
    for (const resource of [resources.ServiceAccount, resources.Deployment, resources.Service]) {
      const object = await get(resource, 'waypoint');
      const apiVersion = 'gateway.networking.k8s.io/v1';
      const owner = { apiVersion, kind: 'Gateway', name: 'waypoint', uid: gateway?.metadata.uid };
      expect(object?.metadata.ownerReferences, resource.kind).toEqual([owner]);
      expect(object?.metadata.labels, resource.kind).toMatchObject({
        'gateway.networking.k8s.io/gateway-name': 'waypoint',
        'gateway.istio.io/managed': 'istio.io-mesh-controller',
      });
    }
    expect(await get(resources.HorizontalPodAutoscaler, 'waypoint')).toBeUndefined();
  }, 60_000);

  it('whose objects are as they should be costs nothing', async () => {
    expect(await writesOf(plane, async () => undefined)).toEqual({});
    expect(
      await writesOf(plane, () =>
        // Another controller's field, as an autoscaler sets it.
        api.client.patch(resources.Deployment, 'shop', 'waypoint', { spec: { replicas: 3 } }, { type: 'merge' }),
      ),
    ).toEqual({});
    const deployment = await get(resources.Deployment, 'waypoint');
    expect(deployment?.['spec']).toMatchObject({ replicas: 3 });
  }, 60_000);

  it('has what was edited restored, with one write, and what was deleted made again', async () => {
    const image = containerOf(await get(resources.Deployment, 'waypoint'))['image'];
    const containers = [{ name: 'istio-proxy', image: 'someone/else:1' }];
    expect(
      await writesOf(plane, () =>
        api.client.patch(
          resources.Deployment,
          'shop',
          'waypoint',
          { spec: { template: { spec: { containers } } } },
          { type: 'strategic' },
        ),
      ),
    ).toEqual({ 'apply Deployment': 1 });
    expect(containerOf(await get(resources.Deployment, 'waypoint'))['image']).toBe(image);
    const writes = await writesOf(plane, () => api.client.delete(resources.Service, 'shop', 'waypoint'));
    expect(writes).toMatchObject({ 'apply Service': 1 });
    expect(await get(resources.Service, 'waypoint')).toBeDefined();
  }, 60_000);

  it('gets and loses an autoscaler as its overlay asks, and what its class asks', async () => {
    await apply(api.client, resources.ConfigMap, {
      metadata: { namespace: 'shop', name: 'overlay' },
      data: { horizontalPodAutoscaler: 'spec: {minReplicas: 2, maxReplicas: 5}' },
    });
    await apply(api.client, resources.Gateway, {
      metadata: { namespace: 'shop', name: 'waypoint' },
      spec: {
        gatewayClassName: 'istio-waypoint',
        listeners: [{ name: 'mesh', port: 15_008, protocol: 'HBONE' }],
        infrastructure: { parametersRef: { group: '', kind: 'ConfigMap', name: 'overlay' } },
      },
    });
    const scaler = await settle(resources.HorizontalPodAutoscaler, 'waypoint');
    expect(scaler['spec']).toMatchObject({ minReplicas: 2, maxReplicas: 5 });
    await apply(api.client, resources.ConfigMap, {
      metadata: {
        namespace: systemNamespace,
        name: 'defaults',
        labels: { 'gateway.istio.io/defaults-for-class': 'istio-waypoint' },
      },
      data: { podDisruptionBudget: 'spec: {minAvailable: 1}' },
    });
    await settle(resources.PodDisruptionBudget, 'waypoint');
    await apply(api.client, resources.ConfigMap, { metadata: { namespace: 'shop', name: 'overlay' }, data: {} });
    await waitFor(async () => (await get(resources.HorizontalPodAutoscaler, 'waypoint')) === undefined, {
      timeout: 30_000,
    });
    expect(await get(resources.PodDisruptionBudget, 'waypoint')).toBeDefined();
    await api.client.delete(resources.ConfigMap, systemNamespace, 'defaults');
    await waitFor(async () => (await get(resources.PodDisruptionBudget, 'waypoint')) === undefined, {
      timeout: 30_000,
    });
  }, 90_000);

  it('keeps what it has while its overlay is wrong, and says so', async () => {
    const before = await get(resources.Deployment, 'waypoint');
    await apply(api.client, resources.ConfigMap, {
      metadata: { namespace: 'shop', name: 'overlay' },
      data: { deployment: 'metadata: {name: another}' },
    });
    await waitFor(async () => JSON.stringify(await gatewayConditions('waypoint')).includes('OverlayInvalid'), {
      timeout: 30_000,
    });
    expect((await get(resources.Deployment, 'waypoint'))?.metadata.resourceVersion).toBe(
      before?.metadata.resourceVersion,
    );
    await apply(api.client, resources.ConfigMap, { metadata: { namespace: 'shop', name: 'overlay' }, data: {} });
    await waitFor(async () => !JSON.stringify(await gatewayConditions('waypoint')).includes('OverlayInvalid'), {
      timeout: 30_000,
    });
  }, 90_000);

  it('says what the API server would not take, and goes on with the rest once that is mended', async () => {
    await apply(api.client, resources.ConfigMap, {
      metadata: { namespace: 'shop', name: 'overlay' },
      data: { deployment: 'spec: {replicas: -1}' },
    });
    await waitFor(async () => JSON.stringify(await gatewayConditions('waypoint')).includes('DeploymentFailed'), {
      timeout: 30_000,
      seen: () => plane.log.slice(-10).join('\n'),
    });
    expect(JSON.stringify(await gatewayConditions('waypoint'))).toContain('Deployment waypoint was refused');
    await apply(api.client, resources.ConfigMap, { metadata: { namespace: 'shop', name: 'overlay' }, data: {} });
    await waitFor(async () => !JSON.stringify(await gatewayConditions('waypoint')).includes('DeploymentFailed'), {
      timeout: 60_000,
    });
  }, 120_000);
});

async function gatewayConditions(name: string): ReturnType<typeof readConditionsOf> {
  return readConditionsOf(api.client, resources.Gateway, 'shop', name);
}

describe('what is somebody else’s', () => {
  it('is left alone, and the Gateway says what is in its way', async () => {
    const labels = { app: 'mine' };
    await apply(api.client, resources.Deployment, {
      metadata: { namespace: 'shop', name: 'taken', labels },
      spec: {
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers: [{ name: 'mine', image: 'mine:1' }] } },
      },
    });
    const before = await get(resources.Deployment, 'taken');
    await applyWaypoint(api.client, 'shop', 'taken');
    await waitFor(async () => JSON.stringify(await gatewayConditions('taken')).includes('ObjectNotOurs'), {
      timeout: 30_000,
      seen: () => plane.log.slice(-10).join('\n'),
    });
    await untilQuiet(plane);
    expect((await get(resources.Deployment, 'taken'))?.metadata).toEqual(before?.metadata);
    // The rest of it is there, so that one name in the way is all that has to be mended.
    expect(await get(resources.Service, 'taken')).toBeDefined();
  }, 60_000);

  it('is left alone when a newer controller deployed it', async () => {
    await applyWaypoint(api.client, 'shop', 'newer');
    await settle(resources.Deployment, 'newer');
    const annotations = { 'cairn.dev/template-version': '999' };
    const image = 'newer/waypoint:9';
    const patch = {
      metadata: { annotations },
      spec: { template: { spec: { containers: [{ name: 'istio-proxy', image }] } } },
    };
    await api.client.patch(resources.Deployment, 'shop', 'newer', patch, { type: 'strategic' });
    await waitFor(async () => JSON.stringify(await gatewayConditions('newer')).includes('newer controller'), {
      timeout: 30_000,
    });
    expect(containerOf(await get(resources.Deployment, 'newer'))['image']).toBe(image);
  }, 60_000);

  it('is every Gateway of another class, of another revision, or deployed by hand', async () => {
    const listeners = [{ name: 'mesh', port: 15_008, protocol: 'HBONE' }];
    await apply(api.client, resources.Gateway, {
      metadata: { namespace: 'shop', name: 'foreign' },
      spec: { gatewayClassName: 'another', listeners },
    });
    await apply(api.client, resources.Gateway, {
      metadata: { namespace: 'shop', name: 'canary', labels: { 'istio.io/rev': 'canary' } },
      spec: { gatewayClassName: 'istio-waypoint', listeners },
    });
    await apply(api.client, resources.Gateway, {
      metadata: { namespace: 'shop', name: 'by-hand' },
      spec: {
        gatewayClassName: 'istio-waypoint',
        listeners,
        addresses: [{ type: 'Hostname', value: 'gate.shop.svc.cluster.local' }],
      },
    });
    await untilQuiet(plane);
    for (const name of ['foreign', 'canary', 'by-hand']) {
      expect(await get(resources.Deployment, name), name).toBeUndefined();
      expect(await get(resources.Service, name), name).toBeUndefined();
    }
    expect(await gatewayConditions('foreign')).toMatchObject([{ reason: 'Pending' }, { reason: 'Pending' }]);
  }, 60_000);
});

describe('the class', () => {
  it('is made again when it is deleted, and never changed', async () => {
    const read = () => api.client.get(resources.GatewayClass, undefined, 'istio-waypoint');
    const patch = { spec: { description: 'mine' } };
    await api.client.patch(resources.GatewayClass, undefined, 'istio-waypoint', patch, { type: 'merge' });
    await untilQuiet(plane);
    expect((await read())?.['spec']).toMatchObject({ description: 'mine' });
    await api.client.delete(resources.GatewayClass, undefined, 'istio-waypoint');
    await waitFor(async () => (await read()) !== undefined, { timeout: 30_000 });
    expect((await read())?.['spec']).toMatchObject({ controllerName: 'istio.io/mesh-controller' });
  }, 60_000);
});

describe('another leader', () => {
  it('finds everything as it should be, and applies nothing', async () => {
    await untilQuiet(plane);
    await plane.controller.stop();
    plane = await startControlPlane(access, clusterSettings('two'));
    await waitFor(() => plane.controller.isLeader, { timeout: 20_000 });
    expect(await writesOf(plane, async () => undefined)).toEqual({});
    const applied = [...plane.controller.requests.keys()].filter((key) => key.startsWith('apply '));
    expect(applied).toEqual([]);
  }, 60_000);
});
