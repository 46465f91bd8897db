// `cairn waypoint` against a real API server: its writes, and every line that people and scripts
// know from istioctl. No controller runs: the test itself programs waypoints.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { resources } from '../../kubernetes/index.ts';
import type { KubernetesObject } from '../../kubernetes/index.ts';
import { runCommand } from '../support/command-line.ts';
import type { CommandResult } from '../support/command-line.ts';
import { startApiServer } from '../support/kube-apiserver.ts';
import type { TestApiServer } from '../support/kube-apiserver.ts';

let server: TestApiServer;

beforeAll(async () => {
  server = await startApiServer({ definitions: false });
}, 120_000);

afterAll(async () => {
  await server.stop();
});

function waypoint(...args: readonly string[]): Promise<CommandResult> {
  return runCommand(['waypoint', ...args], { env: { KUBECONFIG: server.kubeconfig } });
}

/** Written as a controller would. */
async function setProgrammed(namespace: string, name: string, status: string, message: string): Promise<void> {
  const condition = {
    type: 'Programmed',
    status,
    reason: status === 'True' ? 'Programmed' : 'AddressNotUsable',
    message,
    lastTransitionTime: '2026-01-01T00:00:00Z',
    observedGeneration: 1,
  };
  await server.client.apply(
    resources.Gateway,
    { metadata: { namespace, name }, status: { conditions: [condition] } },
    { fieldManager: 'test', force: true, subresource: 'status' },
  );
}

test('without the definitions of the Gateway API every verb says what to install', async () => {
  const missing = 'missing Kubernetes Gateway CRDs need to be installed before applying a waypoint';
  for (const verb of [['apply'], ['list'], ['status'], ['delete', '--all']]) {
    const result = await waypoint(...verb);
    expect(result).toMatchObject({ code: 1, out: '' });
    expect(result.err).toContain(missing);
    expect(result.err).toContain('kubectl apply --server-side -f https://github.com/kubernetes-sigs/gateway-api/');
  }
  const install = (...flags: readonly string[]): Promise<CommandResult> =>
    runCommand(['install', '--kubeconfig', server.kubeconfig, ...flags]);
  const refused = await install('--wait');
  expect(refused).toMatchObject({ code: 2, out: '' });
  expect(refused.err).toContain(
    'the cluster has no Gateway API; bring it with\n  kubectl apply --server-side -f https://',
  );
  await server.installDefinitions((kind) => kind === 'Gateway' || kind === 'GatewayClass');
  // Istio's kinds are not needed, and the command that installs them is printed.
  const installed = await install();
  expect(installed.code).toBe(0);
  expect(installed.err).toMatch(
    /the cluster does not know VirtualService, DestinationRule, AuthorizationPolicy; .*\n {2}kubectl apply --server-side -f https:\/\//,
  );
  expect((await install('--uninstall', '--purge', '-y')).code).toBe(0);
}, 90_000);

describe('generate', () => {
  test('prints the manifest, with a namespace and labels only when they are given', async () => {
    const plain = await waypoint('generate');
    expect(parse(plain.out)).toEqual({
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'Gateway',
      metadata: { name: 'waypoint' },
      spec: {
        gatewayClassName: 'istio-waypoint',
        listeners: [{ name: 'mesh', port: 15008, protocol: 'HBONE' }],
      },
    });
    const full = await waypoint('generate', '--name', 'w', '-n', 'shop', '--for', 'all', '-r', 'canary', '-o', 'json');
    expect((JSON.parse(full.out) as { readonly metadata: unknown }).metadata).toEqual({
      name: 'w',
      namespace: 'shop',
      labels: { 'istio.io/waypoint-for': 'all', 'istio.io/rev': 'canary' },
    });
    const empty = await waypoint('generate', '--name', '', '--for', '');
    expect(empty.out).toBe(plain.out);
  });

  test.each([
    [
      ['--for', 'pods'],
      'failed to create gateway: invalid traffic type: pods. Valid options are: [all none service workload]',
    ],
    [['--name', 'none'], "invalid name provided for waypoint, 'none' is a reserved value"],
  ])('refuses %j', async (args, message) => {
    expect(await waypoint('generate', ...args)).toEqual({ code: 1, out: '', err: `cairn: ${message}\n` });
  });

  test('a wrong command line ends with 64', async () => {
    const result = await waypoint('generate', '--fro', 'all');
    expect(result).toMatchObject({ code: 64, out: '' });
    expect(result.err).toContain("unknown option '--fro'");
  });
});

describe('apply', () => {
  test('names a namespace that does not exist', async () => {
    const result = await waypoint('apply', '-n', 'nowhere');
    expect(result).toEqual({ code: 1, out: '', err: 'cairn: namespace: nowhere not found\n' });
  });

  test('applies, enrolls the namespace, and does neither to one that is enrolled elsewhere', async () => {
    await server.createNamespace('shop');
    expect(await waypoint('apply', '-n', 'shop', '--enroll-namespace')).toEqual({
      code: 0,
      out:
        '⚠️ Warning: namespace is not enrolled in ambient. Consider running\t' +
        '`kubectl label namespace shop istio.io/dataplane-mode=ambient`\n' +
        '✅ waypoint shop/waypoint applied\n' +
        '✅ namespace shop labeled with "istio.io/use-waypoint: waypoint"\n',
      // No ztunnel is in this cluster.
      err: expect.stringMatching(/^note: no node proxy is in the cluster .*\n$/) as string,
    });
    const labels = { metadata: { labels: { 'istio.io/dataplane-mode': 'ambient' } } };
    await server.client.patch(resources.Namespace, undefined, 'shop', labels, { type: 'merge' });
    const refused = await waypoint('apply', '-n', 'shop', '--name', 'other', '--enroll-namespace');
    expect(refused).toEqual({
      code: 0,
      out:
        '⚠️ Warning: namespace (shop) already has an enrolled Waypoint. ' +
        'Consider adding the `--overwrite` flag to your apply command.\n',
      err: '',
    });
    expect(await server.client.get(resources.Gateway, 'shop', 'other')).toBeUndefined();
    const forced = await waypoint('apply', '-n', 'shop', '--name', 'other', '--enroll-namespace', '--overwrite');
    expect(forced.out).toBe(
      '✅ waypoint shop/other applied\n✅ namespace shop labeled with "istio.io/use-waypoint: other"\n',
    );
    const namespace = await server.client.get(resources.Namespace, undefined, 'shop');
    expect(namespace?.metadata.labels).toMatchObject({ 'istio.io/use-waypoint': 'other' });
  });

  test('twice is the same object; another value of a field that someone else owns is refused', async () => {
    await server.createNamespace('twice');
    const first = await waypoint('apply', '-n', 'twice', '-o', 'json');
    const second = await waypoint('apply', '-n', 'twice', '-o', 'json');
    expect(first.err).toBe('✅ waypoint twice/waypoint applied\n');
    const read = ({ out }: CommandResult): unknown => {
      const { metadata, spec } = JSON.parse(out) as KubernetesObject;
      return { uid: metadata.uid, generation: metadata.generation, spec };
    };
    expect(read(second)).toEqual(read(first));
    const gateway = {
      metadata: { namespace: 'twice', name: 'waypoint', labels: { 'istio.io/waypoint-for': 'service' } },
    };
    await server.client.apply(resources.Gateway, gateway, { fieldManager: 'somebody' });
    const conflict = await waypoint('apply', '-n', 'twice', '--for', 'all');
    expect(conflict).toMatchObject({ code: 1, out: '' });
    expect(conflict.err).toContain('somebody');
  });

  test('the waypoint of a service account is written as Istio 1.18 wrote it, with the current form beside it', async () => {
    await server.createNamespace('old');
    const applied = await waypoint('apply', '-n', 'old', '--service-account', 'bookinfo-reviews');
    expect(applied).toMatchObject({ code: 0 });
    expect(applied.out).toContain('waypoint old/bookinfo-reviews applied');
    expect(applied.out).toContain('`cairn waypoint apply --name bookinfo-reviews`');
    const gateway = await server.client.get(resources.Gateway, 'old', 'bookinfo-reviews');
    expect(gateway?.metadata.annotations).toMatchObject({ 'istio.io/for-service-account': 'bookinfo-reviews' });
    const deleted = await waypoint('delete', '-n', 'old', '--service-account', 'bookinfo-reviews');
    expect(deleted.out).toBe('waypoint old/bookinfo-reviews deleted\n');
  });

  test('--wait ends when the waypoint is programmed, and with an error when the time is over', async () => {
    await server.createNamespace('patient');
    const late = await waypoint('apply', '-n', 'patient', '--wait', '--waypoint-timeout', '1s');
    expect(late).toEqual({
      code: 1,
      out: '✅ waypoint patient/waypoint applied\n',
      err:
        'waypoint patient/waypoint is not programmed: Waiting for controller; look at "kubectl -n patient get pods"\n' +
        'cairn: timed out while waiting for waypoint\tpatient/waypoint\n',
    });
    const waiting = waypoint('apply', '-n', 'patient', '--wait');
    await setProgrammed('patient', 'waypoint', 'True', 'Resource programmed');
    expect(await waiting).toEqual({
      code: 0,
      out: '✅ waypoint patient/waypoint applied\n✅ waypoint patient/waypoint is ready!\n',
      err: '',
    });
    const wrong = await waypoint('apply', '-n', 'patient', '--wait', '--waypoint-timeout', 'soon');
    expect(wrong.err).toContain('--waypoint-timeout must be a duration');
  });
});

describe('list, status and delete', () => {
  beforeAll(async () => {
    await server.createNamespace('many');
    await server.createNamespace('none');
    await waypoint('apply', '-n', 'many', '--name', 'beta', '--for', 'service', '-r', 'canary');
    await waypoint('apply', '-n', 'many', '--name', 'alpha');
    const ingress = {
      metadata: { namespace: 'many', name: 'ingress' },
      spec: { gatewayClassName: 'nginx', listeners: [{ name: 'http', port: 80, protocol: 'HTTP' }] },
    };
    await server.client.create(resources.Gateway, ingress);
    await setProgrammed('many', 'beta', 'True', 'Resource programmed, assigned to service(s) beta');
    await setProgrammed('many', 'alpha', 'False', 'Failed to assign to any requested addresses');
  });

  test('list shows waypoints alone, in columns', async () => {
    const listed = await waypoint('list', '-n', 'many');
    expect(listed).toEqual({
      code: 0,
      out: [
        'NAME      REVISION     TRAFFIC TYPE     PROGRAMMED',
        'alpha     default      none             False',
        'beta      canary       service          True',
        '',
      ].join('\n'),
      err: '',
    });
    const all = await waypoint('list', '-A');
    expect(all.out.split('\n')[0]).toMatch(/^NAMESPACE +NAME +REVISION +TRAFFIC TYPE +PROGRAMMED$/);
    expect(all.out).toMatch(/^many +beta +canary +service +True$/m);
    expect(await waypoint('list', '-n', 'none')).toMatchObject({ code: 0, out: 'No waypoints found.\n' });
    const data = await waypoint('list', '-n', 'many', '-o', 'json');
    expect(JSON.parse(data.out)).toMatchObject([{ name: 'alpha' }, { name: 'beta', trafficType: 'service' }]);
  });

  test('status shows the condition, and waits for it unless told', async () => {
    expect(await waypoint('status', '-n', 'many', '--wait=false')).toEqual({
      code: 0,
      out: [
        'NAME      STATUS     TYPE           REASON               MESSAGE',
        'alpha     False      Programmed     AddressNotUsable     Failed to assign to any requested addresses',
        'beta      True       Programmed     Programmed           Resource programmed, assigned to service(s) beta',
        '',
      ].join('\n'),
      err: '',
    });
    expect(await waypoint('status', '-n', 'many', '--name', 'beta')).toMatchObject({ code: 0, err: '' });
    const late = await waypoint('status', '-n', 'many', '--waypoint-timeout', '1s');
    expect(late).toMatchObject({
      code: 1,
      err:
        'waypoint many/alpha is not programmed: Failed to assign to any requested addresses; look at "kubectl -n many get pods"\n' +
        'cairn: failed to print waypoint status: timed out while retrieving status for waypoint\tmany/alpha\n',
    });
    expect(await waypoint('status', 'x')).toEqual({ code: 1, out: '', err: 'cairn: unknown subcommand "x"\n' });
    expect(await waypoint('status', '-n', 'none')).toMatchObject({ code: 0, out: 'No waypoints found.\n' });
  });

  test('delete takes names, a revision or all, and never a Gateway that is no waypoint', async () => {
    expect(await waypoint('delete', '-n', 'many')).toMatchObject({
      code: 1,
      err: 'cairn: must specify a waypoint name or delete all using --all or delete specific revision using --revision\n',
    });
    expect(await waypoint('delete', '-n', 'many', 'beta', '--all')).toMatchObject({
      code: 1,
      err: 'cairn: cannot specify waypoint names when deleting all waypoints\n',
    });
    const foreign = await waypoint('delete', '-n', 'many', 'ingress');
    expect(foreign).toMatchObject({ code: 1, err: expect.stringContaining('is not a waypoint') as string });
    const revision = await waypoint('delete', '-n', 'many', '--revision', 'canary');
    expect(revision.out).toBe('waypoint many/beta deleted\n');
    const named = await waypoint('delete', '-n', 'many', 'alpha', 'nobody');
    expect(named).toEqual({ code: 0, out: 'waypoint many/alpha deleted\nwaypoint many/nobody not found\n', err: '' });
    expect(await waypoint('delete', '-n', 'many', '--all')).toMatchObject({ code: 0, out: 'No waypoints found.\n' });
    expect(await server.client.get(resources.Gateway, 'many', 'ingress')).toBeDefined();
  });

  test('delete says when a namespace still asks for what is gone', async () => {
    const deleted = await waypoint('delete', '-n', 'shop', 'other');
    expect(deleted.out).toBe('waypoint shop/other deleted\n');
    expect(deleted.err).toContain('kubectl label namespace shop istio.io/use-waypoint-');
  });
});

test('a cluster that does not answer is said plainly', async () => {
  const result = await runCommand(['waypoint', 'list', '--kubeconfig', '/nowhere/kubeconfig']);
  expect(result).toMatchObject({ code: 1, out: '' });
  expect(result.err).toContain('/nowhere/kubeconfig');
});
