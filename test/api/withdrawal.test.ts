// Statuses after `cairn install --uninstall` on a real API server: all entries of others, and none
// of ours.

import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ApiResource, type KubernetesObject, resources } from '../../kubernetes/index.ts';
import {
  apply,
  applyService,
  applyWaypoint,
  clusterSettings,
  startControlPlane,
  systemNamespace,
} from '../support/cluster-mesh.ts';
import { statusOf, untilQuiet } from '../support/cluster-writes.ts';
import { type CommandResult, runCommand } from '../support/command-line.ts';
import { startApiServer, type TestApiServer } from '../support/kube-apiserver.ts';
import { accessAsShipped } from '../support/shipped-access.ts';
import { waitFor } from '../support/wait.ts';

let api: TestApiServer;

beforeAll(async () => {
  api = await startApiServer();
  await api.createNamespace(systemNamespace);
  await api.createNamespace('istio-system');
  await api.createNamespace('shop', { 'istio.io/use-waypoint': 'waypoint' });
}, 240_000);

afterAll(() => api?.stop(), 60_000);

const service = { group: '', kind: 'Service', name: 'reviews' };
const metadata = { namespace: 'shop', name: 'reviews' };
const rules = [{ backendRefs: [{ name: 'reviews', port: 80 }] }];

/**
 * One object of each kind that a status is written for, beside Service, Gateway and GatewayClass.
 */
const objects: readonly (readonly [ApiResource, KubernetesObject])[] = [
  [resources.HTTPRoute, { metadata, spec: { parentRefs: [service], rules } }],
  [resources.GRPCRoute, { metadata, spec: { parentRefs: [service], rules } }],
  [resources.TCPRoute, { metadata, spec: { parentRefs: [service], rules } }],
  [resources.TLSRoute, { metadata, spec: { parentRefs: [service], hostnames: ['a.example'], rules } }],
  [
    resources.BackendTLSPolicy,
    {
      metadata,
      spec: { targetRefs: [service], validation: { hostname: 'a.example', wellKnownCACertificates: 'System' } },
    },
  ],
  [
    resources.VirtualService,
    { metadata, spec: { hosts: ['reviews'], http: [{ route: [{ destination: { host: 'reviews' } }] }] } },
  ],
  [resources.DestinationRule, { metadata, spec: { host: 'reviews' } }],
  [resources.AuthorizationPolicy, { metadata, spec: { targetRefs: [service], rules: [{}] } }],
  [resources.RequestAuthentication, { metadata, spec: { targetRefs: [service] } }],
  [
    resources.ServiceEntry,
    {
      metadata,
      spec: { hosts: ['out.example.com'], resolution: 'DNS', ports: [{ number: 80, name: 'http', protocol: 'HTTP' }] },
    },
  ],
  [
    resources.WorkloadEntry,
    {
      metadata: { ...metadata, labels: { 'istio.io/use-waypoint': 'waypoint' } },
      spec: { address: '192.0.2.1' },
    },
  ],
  [
    resources.ListenerSet,
    {
      metadata,
      spec: {
        parentRef: { group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'waypoint' },
        listeners: [{ name: 'more', port: 8080, protocol: 'HTTP' }],
      },
    },
  ],
];

const theirs = { type: 'example.com/Seen', status: 'True', reason: 'Seen', message: 'theirs' };
const seen = { ...theirs, lastTransitionTime: '2026-01-01T00:00:00Z' };

function uninstall(...flags: readonly string[]): Promise<CommandResult> {
  return runCommand(['install', '--kubeconfig', api.kubeconfig, '--uninstall', '-y', ...flags]);
}

async function statuses(): Promise<ReadonlyMap<string, Readonly<Record<string, unknown>>>> {
  const all: readonly (readonly [ApiResource, string | undefined, string])[] = [
    ...objects.map(([resource]) => [resource, 'shop', 'reviews'] as const),
    [resources.Service, 'shop', 'reviews'],
    [resources.Gateway, 'shop', 'waypoint'],
    [resources.GatewayClass, undefined, 'theirs'],
  ];
  const found = new Map<string, Readonly<Record<string, unknown>>>();
  for (const [resource, namespace, name] of all) {
    found.set(resource.kind, statusOf(await api.client.get(resource, namespace, name)));
  }
  return found;
}

it('is what others said, and nothing of ours', async () => {
  // A class of the user's own, which stays.
  await apply(api.client, resources.GatewayClass, {
    metadata: { name: 'theirs' },
    spec: { controllerName: 'istio.io/mesh-controller' },
  });
  await applyWaypoint(api.client, 'shop', 'waypoint');
  await applyService(api.client, { namespace: 'shop', name: 'reviews' });
  for (const [resource, object] of objects) await apply(api.client, resource, object);
  // Before us where lists are replaced as a whole, after us where they are merged: theirs are in
  // both.
  for (const resource of [resources.ServiceEntry, resources.VirtualService]) {
    await api.client.apply(
      resource,
      { metadata, status: { conditions: [seen] } },
      { fieldManager: 'other', subresource: 'status' },
    );
  }
  const parent = {
    parentRef: service,
    controllerName: 'example.com/other',
    conditions: [{ ...seen, reason: 'Accepted' }],
  };
  await api.client.apply(
    resources.HTTPRoute,
    { metadata, status: { parents: [parent] } },
    { fieldManager: 'other', subresource: 'status' },
  );
  const plane = await startControlPlane(await accessAsShipped(api), clusterSettings('one'));
  await waitFor(() => plane.controller.isLeader, { timeout: 30_000 });
  await untilQuiet(plane);
  await api.client.apply(
    resources.Service,
    { metadata, status: { conditions: [seen] } },
    { fieldManager: 'other', subresource: 'status' },
  );
  await untilQuiet(plane);
  await plane.controller.stop();
  const before = await statuses();
  for (const [kind, status] of before) {
    expect(JSON.stringify(status), kind).toMatch(/Waypoint|cairn\.dev|istio\.io|Programmed|"Accepted"/);
  }

  const planned = await uninstall('--dry-run');
  expect(planned).toMatchObject({ code: 0, err: '' });
  expect(planned.out).toContain('what was said in the status of 1 HTTPRoute would be removed');
  expect(await statuses()).toEqual(before);

  const removed = await uninstall();
  expect(removed).toMatchObject({ code: 0, err: '' });
  for (const kind of before.keys()) expect(removed.out).toMatch(new RegExp(`status of \\d+ ${kind} removed`));
  const after = await statuses();
  expect(after.get('Service')).toMatchObject({ conditions: [seen] });
  expect(after.get('ServiceEntry')).toEqual({ conditions: [seen] });
  expect(after.get('VirtualService')).toEqual({ conditions: [seen] });
  expect(after.get('HTTPRoute')).toEqual({ parents: [parent] });
  for (const [kind, status] of after) {
    // Defaults of the definitions.
    const text = JSON.stringify(status).replaceAll(/\{[^{}]*"Waiting for controller"[^{}]*\}/g, '');
    expect(text, kind).not.toMatch(/Waypoint|cairn\.dev|istio\.io|Programmed|240\.240/);
  }
  expect((await uninstall()).out).not.toContain('status');
}, 240_000);
