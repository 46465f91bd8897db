// The commands' reports about pods that do not run, on real kubelets, schedulers and admissions:
// the reason, in place of a count.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { findPodProblems } from '../../cli/pod-problems.ts';
import { resources } from '../../kubernetes/index.ts';
import type { KubernetesObject } from '../../kubernetes/index.ts';
import { runCommand } from '../support/command-line.ts';
import { waitFor } from '../support/wait.ts';
import { appImage } from './bookinfo.ts';
import { connectCluster, loadImages } from './cluster.ts';
import type { TestCluster } from './cluster.ts';

const namespace = 'unwell';
const broken = 'cairn-broken';
const kubeconfig = process.env['KUBECONFIG'] ?? '';
let cluster: TestCluster;

beforeAll(async () => {
  cluster = await connectCluster();
  loadImages();
  await cluster.apply(namespaceObject(namespace));
}, 600_000);

afterAll(async () => {
  await runCommand(['install', '--kubeconfig', kubeconfig, '-n', broken, '--uninstall', '--purge', '-y']);
  await cluster.client.delete(resources.Namespace, undefined, namespace);
  cluster.stop();
}, 120_000);

function namespaceObject(name: string): KubernetesObject {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
}

/** A Deployment whose pod has one thing wrong with it. */
function deployment(name: string, container: object, pod: object = {}): KubernetesObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { namespace, name },
    spec: {
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: {
          terminationGracePeriodSeconds: 0,
          ...pod,
          containers: [
            { name: 'main', image: appImage, imagePullPolicy: 'Never', command: ['node', '-e', '0'], ...container },
          ],
        },
      },
    },
  };
}

const wait = { command: ['node', '-e', 'setInterval(() => {}, 1000)'] };

test.each([
  [
    'never-there',
    { image: 'nowhere.invalid/none:1' },
    {},
    /ErrImageNeverPull: container main of the image nowhere\.invalid\/none:1/,
  ],
  [
    'not-pulled',
    { image: 'nowhere.invalid/none:1', imagePullPolicy: 'Always' },
    {},
    /(ImagePullBackOff|ErrImagePull): container main of the image nowhere\.invalid\/none:1/,
  ],
  ['no-name', { image: 'A B' }, {}, /InvalidImageName/],
  [
    'crashes',
    { command: ['node', '-e', 'process.exit(3)'] },
    {},
    /CrashLoopBackOff: container main: .*; it ended with 3 \(Error\)/,
  ],
  [
    'no-secret',
    { env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 'missing', key: 'a' } } }] },
    {},
    /CreateContainerConfigError: container main: secret "missing" not found/,
  ],
  [
    'no-program',
    { command: ['/no/such/program'] },
    {},
    /(RunContainerError|StartError|CrashLoopBackOff): .*\/no\/such\/program/,
  ],
  ['nowhere', wait, { nodeSelector: { 'example.com/none': 'here' } }, /Unschedulable: .*node/],
  [
    'no-volume',
    { ...wait, volumeMounts: [{ name: 'v', mountPath: '/v' }] },
    { volumes: [{ name: 'v', configMap: { name: 'missing' } }] },
    /FailedMount: .*configmap "missing" not found/,
  ],
  [
    'not-ready',
    { ...wait, readinessProbe: { tcpSocket: { port: 9 }, periodSeconds: 1 } },
    {},
    /Unhealthy: Readiness probe failed/,
  ],
  [
    'no-account',
    wait,
    { serviceAccountName: 'missing' },
    /Deployment unwell\/no-account: FailedCreate: .*serviceaccount "missing" not found/,
  ],
])('%s', async (name, container, pod, expected) => {
  await cluster.apply(deployment(name, container, pod));
  let last: readonly string[] = [];
  await waitFor(
    async () => {
      last = await findPodProblems(cluster.client, { namespace, deployment: name, labels: { app: name } });
      return last.some((text) => expected.test(text));
    },
    { timeout: 60_000, interval: 250, what: String(expected), seen: () => last.join('\n') },
  );
});

test('nothing is said of pods that run', async () => {
  await cluster.apply(deployment('fine', wait));
  await cluster.waitForRollout(namespace, 'fine');
  expect(await findPodProblems(cluster.client, { namespace, deployment: 'fine', labels: { app: 'fine' } })).toEqual([]);
});

test('cairn install --wait says why its pods do not run, while it waits and in the end', async () => {
  const where = ['--kubeconfig', kubeconfig, '-n', broken, '--gateway-class', 'broken'];
  const { code, err } = await runCommand(
    ['install', '--image', 'nowhere.invalid/none:1', '--wait', '--timeout', '15s'].concat(where),
  );
  expect(code).toBe(2);
  expect(err).toMatch(/^pod cairn-broken\/cairn-\S+: (ImagePullBackOff|ErrImagePull): container controller/);
  expect(err).toMatch(
    /the control plane does not run yet: 0 of 2 pods are available:\n {2}pod cairn-broken\/cairn-\S+: /,
  );
  expect(err).toContain('docs/guide/install.md ("Images")');
}, 60_000);

test('cairn waypoint apply --wait says why the pods of a waypoint do not run', async () => {
  const where = ['--kubeconfig', kubeconfig, '-n', broken];
  const right = ['install', '--reset', '--gateway-class', 'broken', '--image', appImage, '--wait'];
  const installed = await runCommand(right.concat(['--waypoint-image', 'nowhere.invalid/none:1'], where));
  expect(installed).toMatchObject({ code: 0 });
  const apply = ['waypoint', 'apply', '--gateway-class', 'broken', '--wait', '--waypoint-timeout', '15s'];
  const { code, err } = await runCommand(apply.concat(['--kubeconfig', kubeconfig, '-n', namespace]));
  expect(code).toBe(1);
  expect(err).toMatch(/^pod unwell\/waypoint-\S+: (ImagePullBackOff|ErrImagePull): container istio-proxy of the image/);
  expect(err).toMatch(/waypoint unwell\/waypoint is not programmed: .*:\n {2}pod unwell\/waypoint-\S+: /);
  expect(err).toContain('timed out while waiting for waypoint');
}, 240_000);
