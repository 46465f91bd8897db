// Objects that cannot be read, on a real API server in which nothing else changes: they have their
// status and their Event at once, whether they are new or a version of theirs was in force.

import { afterAll, beforeAll, it } from 'vitest';
import { type ApiResource, type KubernetesObject, resources } from '../../kubernetes/index.ts';
import {
  apply,
  applyService,
  applyWaypoint,
  clusterSettings,
  type RunningControlPlane,
  startControlPlane,
  systemNamespace,
} from '../support/cluster-mesh.ts';
import { startApiServer, type TestApiServer } from '../support/kube-apiserver.ts';
import { accessAsShipped } from '../support/shipped-access.ts';
import { waitFor } from '../support/wait.ts';

let api: TestApiServer;
let plane: RunningControlPlane;
const lease = { name: 'cairn-leader', durationMs: 30_000, renewMs: 20_000, retryMs: 500 };

beforeAll(async () => {
  api = await startApiServer();
  for (const namespace of [systemNamespace, 'istio-system']) await api.createNamespace(namespace);
  await api.createNamespace('shop', { 'istio.io/use-waypoint': 'waypoint' });
  await applyWaypoint(api.client, 'shop', 'waypoint');
  await applyService(api.client, { namespace: 'shop', name: 'web' });
  plane = await startControlPlane(await accessAsShipped(api), clusterSettings('one', { lease }));
  await waitFor(() => plane.controller.isLeader, { timeout: 30_000 });
}, 240_000);

afterAll(async () => {
  await plane.controller.stop();
  await api.stop();
}, 60_000);

interface Written extends KubernetesObject {
  readonly status?: { readonly conditions?: readonly Condition[]; readonly parents?: readonly Parent[] };
}
interface Condition {
  readonly type: string;
  readonly status: string;
  readonly observedGeneration?: number;
  readonly message: string;
}
interface Parent {
  readonly conditions: readonly Condition[];
}

const web = { group: '', kind: 'Service', name: 'web' };
const unreadable = '/(?=a)';

function route(name: string, value: string): KubernetesObject {
  const rules = [{ matches: [{ path: { type: 'RegularExpression', value } }] }];
  const metadata = { name, namespace: 'shop' };
  const parentRefs = [{ ...web, port: 9080 }];
  return { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'HTTPRoute', metadata, spec: { parentRefs, rules } };
}

function rules(name: string, regex: string): KubernetesObject {
  const http = [{ match: [{ uri: { regex } }], route: [{ destination: { host: 'web' } }] }];
  const metadata = { name, namespace: 'shop' };
  return { apiVersion: 'networking.istio.io/v1', kind: 'VirtualService', metadata, spec: { hosts: ['web'], http } };
}

function policy(name: string, path: string): KubernetesObject {
  const spec = { targetRefs: [web], rules: [{ to: [{ operation: { paths: [path] } }] }] };
  return {
    apiVersion: 'security.istio.io/v1',
    kind: 'AuthorizationPolicy',
    metadata: { name, namespace: 'shop' },
    spec,
  };
}

const kinds: readonly (readonly [ApiResource, (name: string, value: string) => KubernetesObject, string, string])[] = [
  [resources.HTTPRoute, route, '/a.*', unreadable],
  [resources.VirtualService, rules, '/a.*', unreadable],
  [resources.AuthorizationPolicy, policy, '/a', '/{**}/{**}'],
];

/** The condition that says whether the newest version is accepted, once there is one. */
async function acceptedOf(resource: ApiResource, name: string): Promise<Condition | undefined> {
  const object: Written | undefined = await api.client.get(resource, 'shop', name);
  const conditions = object?.status?.parents?.[0]?.conditions ?? object?.status?.conditions ?? [];
  const own = conditions.filter(({ type }) => type === 'Accepted' || type === 'cairn.dev/Accepted');
  return own.find(({ observedGeneration }) => observedGeneration === object?.metadata.generation);
}

async function eventsOf(name: string): Promise<string> {
  const events = await api.client.list(resources.Event, { namespace: 'shop' });
  return events
    .map((event) => JSON.stringify(event))
    .filter((event) => event.includes(`"name":"${name}"`))
    .join();
}

async function expectRefused(resource: ApiResource, name: string): Promise<void> {
  const isRefused = async (): Promise<boolean> => (await acceptedOf(resource, name))?.status === 'False';
  await waitFor(isRefused, { timeout: 10_000, what: `the status of ${name}` });
  await waitFor(async () => (await eventsOf(name)) !== '', { timeout: 10_000, what: `the Event of ${name}` });
}

it.each(kinds)(
  '%o: a new one, and one that was in force',
  async (resource, make, good, bad) => {
    const name = resource.plural;
    await apply(api.client, resource, make(`${name}-new`, bad));
    await expectRefused(resource, `${name}-new`);
    await apply(api.client, resource, make(`${name}-known`, good));
    // A policy that is in effect as written has no condition of ours beside Istio's.
    await waitFor(async () => plane.controller.isLeader && (await quiet(resource, `${name}-known`)), {
      timeout: 10_000,
    });
    await apply(api.client, resource, make(`${name}-known`, bad));
    await expectRefused(resource, `${name}-known`);
    // A fault is gone with the object, or when it is mended.
    await apply(api.client, resource, make(`${name}-new`, good));
    await waitFor(async () => (await acceptedOf(resource, `${name}-new`))?.status !== 'False', { timeout: 10_000 });
  },
  90_000,
);

/** Whether the status speaks of the newest version. */
async function quiet(resource: ApiResource, name: string): Promise<boolean> {
  const object: Written | undefined = await api.client.get(resource, 'shop', name);
  const all = [...(object?.status?.conditions ?? []), ...(object?.status?.parents?.[0]?.conditions ?? [])];
  return all.some(({ observedGeneration }) => observedGeneration === object?.metadata.generation);
}
