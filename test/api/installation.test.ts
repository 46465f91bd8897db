// The installed objects, and those deployed for Gateways, at a real API server: accepted as they
// are, unchanged when they are applied again, fit for a namespace that enforces the restricted Pod
// Security Standard, and gone when they are removed.

import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse } from 'yaml';
import { type ApiResource, type KubernetesObject, resources } from '../../kubernetes/index.ts';
import { renderInstallation, defaultInstallSettings } from '../../templates/index.ts';
import { runCommand, type CommandResult } from '../support/command-line.ts';
import { listCases } from '../support/golden.ts';
import { startApiServer, type TestApiServer } from '../support/kube-apiserver.ts';

const goldens = join(import.meta.dirname, '../../templates/golden');
const fieldManager = 'cairn-test';

let api: TestApiServer;

beforeAll(async () => {
  api = await startApiServer();
}, 180_000);
afterAll(() => api.stop());

function resourceOf(kind: string): ApiResource {
  const resource = Object.values(resources).find((candidate) => candidate.kind === kind);
  if (resource === undefined) throw new Error(`no resource for ${kind}`);
  return resource;
}

function install(...flags: string[]): Promise<CommandResult> {
  return runCommand(['install', '--kubeconfig', api.kubeconfig, ...flags]);
}

/** Fields of an object that the API server does not have as they were written. */
function differences(written: unknown, kept: unknown, path = ''): readonly string[] {
  if (typeof written !== 'object' || written === null) {
    return written === kept ? [] : [`${path}: ${JSON.stringify(written)} is ${JSON.stringify(kept)}`];
  }
  return Object.entries(written).flatMap(([key, value]) => {
    const other = Object.entries(typeof kept === 'object' && kept !== null ? kept : {}).find(([name]) => name === key);
    return differences(value, other?.[1], `${path}.${key}`);
  });
}

/** Creates the pods of a Deployment in a namespace, as its controller would. */
async function createPod(deployment: KubernetesObject, namespace: string, accountName: string): Promise<void> {
  const { template } = deployment['spec'] as { readonly template: KubernetesObject };
  const account = { metadata: { name: accountName, namespace } };
  await api.client.apply(resources.ServiceAccount, account, { fieldManager });
  const metadata = { ...template.metadata, name: `${deployment.metadata.name}-1`, namespace };
  await api.client.create(resources.Pod, { ...template, metadata });
}

const cases = listCases(goldens)
  .map((folder) => [basename(folder), join(folder, 'out.objects.yaml')] as const)
  .filter(([name]) => ['plain', 'annotated', 'overlays'].includes(name));

it.each(cases)('deploys the waypoint of the case %s, and changes nothing the second time', async (_, file) => {
  const objects = parse(readFileSync(file, 'utf8')) as readonly KubernetesObject[];
  const namespace = objects[0]?.metadata.namespace ?? '';
  if ((await api.client.get(resources.Namespace, undefined, namespace)) === undefined) {
    await api.createNamespace(namespace);
  }
  for (const object of objects) {
    const resource = resourceOf(object.kind ?? '');
    await api.client.apply(resource, object, { fieldManager, force: true, dryRun: true });
    const first = await api.client.apply(resource, object, { fieldManager, force: true });
    expect(differences(object, first), `${object.kind}`).toEqual([]);
    const second = await api.client.apply(resource, object, { fieldManager, force: true });
    expect(second.metadata.resourceVersion, `${object.kind} was written again`).toBe(first.metadata.resourceVersion);
  }
  for (const object of objects) await api.client.delete(resourceOf(object.kind ?? ''), namespace, object.metadata.name);
});

it('makes pods that a namespace admits which enforces the restricted standard', async () => {
  const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
  await api.createNamespace('restricted', labels);
  const waypoint = (
    parse(readFileSync(join(goldens, 'plain/out.objects.yaml'), 'utf8')) as readonly KubernetesObject[]
  ).find(({ kind }) => kind === 'Deployment');
  const controlPlane = renderInstallation(defaultInstallSettings).find(({ kind }) => kind === 'Deployment');
  if (waypoint === undefined || controlPlane === undefined) throw new Error('there is no Deployment');
  await createPod(waypoint, 'restricted', 'waypoint');
  await createPod(controlPlane, 'restricted', 'cairn');
  // The namespace does refuse: the same pod with one right more.
  const { template } = waypoint['spec'] as { readonly template: { readonly spec: object } };
  const loose = { ...waypoint, spec: { template: { ...template, spec: { ...template.spec, hostNetwork: true } } } };
  const renamed = { ...loose, metadata: { ...waypoint.metadata, name: 'loose' } };
  await expect(createPod(renamed, 'restricted', 'waypoint')).rejects.toMatchObject({ status: 403 });
});

it('installs, says so, and has nothing to change the second time', async () => {
  const dry = await install('--dry-run');
  expect(dry).toMatchObject({ code: 0, err: '' });
  expect(dry.out).toContain('ClusterRole cairn-cairn-system would be created');
  expect(await api.client.get(resources.ClusterRole, undefined, 'cairn-cairn-system')).toBeUndefined();
  const first = await install();
  expect(first.code).toBe(0);
  // No ztunnel is in this cluster.
  expect(first.err).toMatch(/^note: no node proxy is in the cluster .*\n$/);
  expect(first.out).toContain('Deployment cairn-system/cairn created');
  for (const object of renderInstallation(defaultInstallSettings)) {
    const { namespace, name } = object.metadata;
    const kept = await api.client.get(resourceOf(object.kind), namespace, name);
    // An empty value of an environment variable is kept as none.
    const lost = differences(object, kept).filter((text) => !text.endsWith('.value: "" is undefined'));
    expect(lost, object.kind).toEqual([]);
  }
  // The controller's additions to the webhook stay.
  const webhook = await api.client.get(
    resources.ValidatingWebhookConfiguration,
    undefined,
    'cairn-validator-cairn-system',
  );
  expect(webhook).toBeDefined();
  const caBundle = Buffer.from(api.ca).toString('base64');
  await api.client.patch(
    resources.ValidatingWebhookConfiguration,
    undefined,
    'cairn-validator-cairn-system',
    [{ op: 'add', path: '/webhooks/0/clientConfig/caBundle', value: caBundle }],
    { type: 'json', fieldManager: 'cairn-controller' },
  );
  const second = await install();
  expect(second.code).toBe(0);
  expect(
    second.out
      .trim()
      .split('\n')
      .map((line) => line.split(' ').at(-1)),
  ).toEqual(Array(11).fill('unchanged'));
  const kept = await api.client.get(
    resources.ValidatingWebhookConfiguration,
    undefined,
    'cairn-validator-cairn-system',
  );
  expect(JSON.stringify(kept)).toContain(caBundle);
  const changed = await install('--replicas=3');
  expect(changed.out.split('\n').filter((line) => line.endsWith(' changed'))).toEqual([
    'Deployment cairn-system/cairn changed',
  ]);
  expect(changed.out).toContain('\n  spec.replicas: 2 → 3\n');
});

it('keeps the options of the installed one unless told otherwise, and shows what would change', async () => {
  const deployment = async (): Promise<string> =>
    JSON.stringify(await api.client.get(resources.Deployment, 'cairn-system', 'cairn'));
  await install('--replicas=3', '--ca=istiod', '--log-level=warn');
  const before = await deployment();
  // Without options nothing changes, and the kept options are printed.
  const again = await install();
  expect(again.out).toContain('kept from the installed one: --replicas 3, --ca istiod, --log-level warn\n');
  expect(again.out).not.toContain(' changed');
  expect(await deployment()).toBe(before);
  // One option alone.
  const planned = await install('--dry-run', '--log-level=debug');
  expect(planned.out).toContain('Deployment cairn-system/cairn would be changed\n');
  expect(planned.out).toContain(
    `\n  spec.template.spec.containers[controller].env[CAIRN_LOG_LEVEL].value: "warn" → "debug"\n`,
  );
  expect(planned.out).not.toContain('CAIRN_CA]');
  expect(await deployment()).toBe(before);
  await install('--log-level=debug');
  expect(await deployment()).toContain('"replicas":3');
  expect(await deployment()).toContain('{"name":"CAIRN_CA","value":"istiod"}');
  // All forgotten.
  await install('--reset');
  expect(await deployment()).toContain('"replicas":2');
  expect(await deployment()).toContain('{"name":"CAIRN_CA","value":"cairn"}');
  // An installation by another tool must be changed by that tool.
  const annotate = (annotations: unknown): Promise<unknown> =>
    api.client.patch(resources.Deployment, 'cairn-system', 'cairn', { metadata: { annotations } }, { type: 'merge' });
  await annotate({ 'cairn.dev/install-options': null });
  expect(await install('--replicas=3')).toMatchObject({ code: 2, err: expect.stringContaining('--reset') as string });
  await annotate({ 'meta.helm.sh/release-name': 'mesh' });
  for (const flags of [[], ['--reset']])
    expect((await install(...flags)).err).toContain('installed with Helm as the release mesh');
  expect(await deployment()).toContain('"replicas":2');
  await annotate({ 'meta.helm.sh/release-name': null });
  await install('--reset');
});

it('removes nothing that nobody has agreed to', async () => {
  const before = await api.client.list(resources.ClusterRole);
  const unasked = await install('--uninstall');
  expect(unasked).toMatchObject({ code: 2, out: '' });
  expect(unasked.err).toContain('say -y');
  for (const answer of ['', 'n', 'yy']) {
    const refused = await runCommand(['install', '--kubeconfig', api.kubeconfig, '--uninstall'], { answer });
    expect(refused.code).toBe(2);
    expect(refused.out).toContain('Deployment cairn-system/cairn would be removed');
    expect(refused.err).toContain('Remove all of this from ');
    expect(refused.err).toContain('nothing was removed');
  }
  expect(await api.client.list(resources.ClusterRole)).toEqual(before);
});

it('removes the class that it was told at its installation, and those of earlier options', async () => {
  const classes = async (): Promise<readonly string[]> =>
    (await api.client.list(resources.GatewayClass, { labelSelector: 'app.kubernetes.io/part-of=cairn' })).map(
      ({ metadata }) => metadata.name,
    );
  await install('-nmesh-3', '--gateway-class=third', '--controller-name=cairn.dev/third');
  await install('-nmesh-4', '--gateway-class=fourth', '--controller-name=cairn.dev/fourth');
  // Beside others only its own; without a flag that says which.
  await install('-nmesh-3', '--uninstall', '--purge', '-y');
  expect(await classes()).toEqual(['fourth', 'istio-waypoint']);
  await install('-nmesh-4', '--uninstall', '--purge', '-y');
  expect(await classes()).toEqual(['istio-waypoint']);
  await install('--gateway-class=renamed');
  expect(await classes()).toEqual(['istio-waypoint', 'renamed']);
  await install('--uninstall', '-y');
  expect(await classes()).toEqual([]);
  await install();
});

it("never takes over what is not Cairn's", async () => {
  await api.client.create(resources.GatewayClass, {
    metadata: { name: 'theirs' },
    spec: { controllerName: 'example.com/other' },
  });
  const { code, err } = await install('-nmesh-2', '--gateway-class=theirs');
  expect(code).toBe(2);
  expect(err).toContain("GatewayClass theirs exists already and is not Cairn's");
  // Nothing was begun.
  expect(await api.client.get(resources.Namespace, undefined, 'mesh-2')).toBeUndefined();
  expect((await install('-nmesh-2', '--replicas=0', '--ca=vault')).err).toContain('ca must be one of cairn, istiod');
});

it('leaves nothing of its own behind, and everything of the user', async () => {
  const labels = { 'app.kubernetes.io/managed-by': 'cairn' };
  const ofClass = { ...labels, 'gateway.networking.k8s.io/gateway-class-name': 'istio-waypoint' };
  await api.createNamespace('shop');
  const made: readonly (readonly [ApiResource, KubernetesObject])[] = [
    [resources.ServiceAccount, { metadata: { name: 'waypoint', namespace: 'shop', labels: ofClass } }],
    [resources.ConfigMap, { metadata: { name: 'istio-ca-root-cert', namespace: 'shop', labels } }],
    [resources.Secret, { metadata: { name: 'cairn-ca-secret', namespace: 'cairn-system' } }],
    [resources.Lease, { metadata: { name: 'cairn-leader', namespace: 'cairn-system' } }],
  ];
  const theirs: readonly (readonly [ApiResource, KubernetesObject])[] = [
    [
      resources.ServiceAccount,
      {
        metadata: {
          name: 'of-another-class',
          namespace: 'shop',
          labels: { ...labels, 'gateway.networking.k8s.io/gateway-class-name': 'other' },
        },
      },
    ],
    [resources.ConfigMap, { metadata: { name: 'theirs', namespace: 'shop' } }],
    [
      resources.Gateway,
      {
        metadata: { name: 'waypoint', namespace: 'shop' },
        spec: { gatewayClassName: 'istio-waypoint', listeners: [{ name: 'mesh', port: 15008, protocol: 'HBONE' }] },
      },
    ],
  ];
  for (const [resource, object] of [...made, ...theirs]) await api.client.create(resource, object);
  // Without --purge the authority stays, and its namespace with it.
  const kept = await install('--uninstall', '--dry-run');
  expect(kept.out).toContain('Secret cairn-system/cairn-ca-secret and Namespace cairn-system stay');
  expect(kept.out).not.toMatch(/(Secret|Namespace) \S+ would be removed/);
  expect((await install('--uninstall', '-y')).code).toBe(0);
  expect(await api.client.get(resources.Secret, 'cairn-system', 'cairn-ca-secret')).toBeDefined();
  const namespace = await api.client.get(resources.Namespace, undefined, 'cairn-system');
  expect(namespace?.metadata.deletionTimestamp).toBeUndefined();
  expect((await install('--uninstall', '-y')).out).toContain('nothing of Cairn is installed in cairn-system');
  await install();
  for (const [resource, object] of made) {
    if (resource !== resources.Secret) await api.client.create(resource, object);
  }
  const planned = await install('--uninstall', '--purge', '--dry-run');
  expect(planned.out).toContain('ServiceAccount shop/waypoint would be removed');
  const removed = await runCommand(['install', '--kubeconfig', api.kubeconfig, '--uninstall', '--purge'], {
    answer: 'yes',
  });
  expect(removed.code).toBe(0);
  expect(removed.out).toBe(planned.out + planned.out.replaceAll('would be removed', 'removed'));
  for (const [resource, { metadata }] of made) {
    expect(await api.client.get(resource, metadata.namespace, metadata.name), metadata.name).toBeUndefined();
  }
  for (const [resource, { metadata }] of theirs) {
    expect(await api.client.get(resource, metadata.namespace, metadata.name), metadata.name).toBeDefined();
  }
  for (const { kind, metadata } of renderInstallation(defaultInstallSettings)) {
    const left = await api.client.get(resourceOf(kind), metadata.namespace, metadata.name);
    // No controller runs here that would clean up the namespace.
    if (kind === 'Namespace') expect(left?.metadata.deletionTimestamp).toBeDefined();
    else expect(left, kind).toBeUndefined();
  }
  expect((await install('--uninstall', '-y')).out).toContain('nothing of Cairn is installed in cairn-system');
});
