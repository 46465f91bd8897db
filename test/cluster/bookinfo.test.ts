// Cairn in a real cluster, from nothing to nothing: installed, a waypoint applied, the bookstore
// behind it, and everything that happens to pods while 100 requests a second go through. Prints the
// times and the memory that it sees.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { resources } from '../../kubernetes/index.ts';
import type { KubernetesObject } from '../../kubernetes/index.ts';
import { chooseDownload, type Download, type Downloaded, endings } from '../support/downloads.ts';
import { createIssuer, unsignedToken } from '../support/tokens.ts';
import { waitFor } from '../support/wait.ts';
import { appImage, bookinfoObjects, clientObjects } from './bookinfo.ts';
import { type ClientAnswer, type ClientCall, downloadPorts } from './client/protocol.ts';
import { bundleProgram, connectClient, connectCluster, loadImages } from './cluster.ts';
import type { MeshClient, TestCluster } from './cluster.ts';

const system = 'cairn-system';
const shop = 'bookinfo';
const rate = 100;
const gatewayLabels = { 'gateway.networking.k8s.io/gateway-name': 'waypoint' };

/** Downloads of random sizes, ends and paces, beside those of every size and end. */
const moreDownloads = Number(process.env['CAIRN_TRANSFERS'] ?? 0);

/** Run in a waypoint pod: as a crash, without a word to anybody. */
const killEnvoy = `
const { readdirSync, readlinkSync } = require('node:fs');
const isEnvoy = (pid) => { try { return readlinkSync('/proc/' + pid + '/exe').endsWith('/envoy'); } catch { return false; } };
const pids = readdirSync('/proc').filter((name) => /^\\d+$/.test(name) && isEnvoy(name));
if (pids.length !== 1) throw new Error('Envoys: ' + pids);
process.kill(Number(pids[0]), 'SIGKILL');
`;

let cluster: TestCluster;
let sleeper: MeshClient;
let stranger: MeshClient;
const services = new Map<string, string>();

beforeAll(async () => {
  cluster = await connectCluster();
  loadImages();
}, 600_000);

afterAll(async () => {
  await cluster.client.delete(resources.Namespace, undefined, shop);
  cluster.stop();
}, 60_000);

function call(
  service: string,
  path: string,
  method = 'GET',
  headers: Readonly<Record<string, string>> = {},
): ClientCall {
  return {
    waypoint: `waypoint.${shop}.svc.cluster.local:15008`,
    target: `${services.get(service)}:9080`,
    request: { method, path, authority: service, headers },
  };
}

function addressOf(service: KubernetesObject | undefined): string {
  const { clusterIP = '' } = (service?.['spec'] ?? {}) as { readonly clusterIP?: string };
  return clusterIP;
}

/** Asks until the answer is as wanted: an applied object takes a moment to be in force. */
async function askUntil(
  who: MeshClient,
  what: ClientCall,
  isWanted: (answer: ClientAnswer) => boolean,
): Promise<ClientAnswer> {
  let last: unknown;
  return await waitFor(
    async () => {
      try {
        const answer = await who.request(what);
        last = `${answer.status} ${answer.body.slice(0, 200)}`;
        return isWanted(answer) ? answer : undefined;
      } catch (error) {
        last = error;
        return undefined;
      }
    },
    { timeout: 60_000, interval: 50, what: what.request.path, seen: () => String(last) },
  );
}

/** Applies an example, asks, and takes it away again. */
async function withExample(path: string, ask: () => Promise<void>): Promise<void> {
  await withObjects(cluster.readExample(`bookinfo-tour/${path}`, shop), ask);
}

async function withObjects(objects: readonly KubernetesObject[], ask: () => Promise<void>): Promise<void> {
  await cluster.apply(...objects);
  try {
    await ask();
  } finally {
    for (const object of objects) await cluster.delete(object);
  }
}

/** The requests under load while something happens: all answered with 200. */
async function expectNoFailure(work: () => Promise<void>): Promise<void> {
  const { sent, statuses, failures } = await sleeper.under({ call: call('productpage', '/health'), rate }, work);
  expect(failures).toEqual([]);
  expect(statuses).toEqual({ 200: sent });
}

async function restart(namespace: string, name: string): Promise<void> {
  const annotations = { 'kubectl.kubernetes.io/restartedAt': new Date().toISOString() };
  const patch = { spec: { template: { metadata: { annotations } } } };
  await cluster.client.patch(resources.Deployment, namespace, name, patch, { type: 'merge' });
  await cluster.waitForRollout(namespace, name);
}

async function scale(namespace: string, name: string, replicas: number): Promise<void> {
  await cluster.client.patch(resources.Deployment, namespace, name, { spec: { replicas } }, { type: 'merge' });
  await cluster.waitForRollout(namespace, name);
  const count = async (): Promise<boolean> => (await cluster.pods(namespace, gatewayLabels)).length === replicas;
  await waitFor(count, { timeout: 90_000, what: `${replicas} pods` });
}

test('the control plane is installed and runs', async () => {
  const began = Date.now();
  await cluster.cairn('install', '--image', appImage, '--image-pull-policy', 'Never', '--wait');
  console.log(`cairn install: running after ${Date.now() - began} ms`);
  const pods = await cluster.pods(system, { 'app.kubernetes.io/name': 'cairn' });
  expect(pods).toHaveLength(2);
}, 240_000);

test('a waypoint is applied and programmed, and its pod passes restricted Pod Security', async () => {
  await cluster.apply({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: {
      name: shop,
      labels: { 'pod-security.kubernetes.io/enforce': 'restricted', 'istio.io/dataplane-mode': 'ambient' },
    },
  });
  const program = await bundleProgram('test/cluster/client/main.ts');
  await cluster.apply(
    ...bookinfoObjects(shop, await bundleProgram('examples/bookinfo/app/main.ts')),
    ...clientObjects(shop, 'sleep', program),
    ...clientObjects(shop, 'notsleep', program),
    ...cluster.readExample('bookinfo/reviews.yaml', shop).filter(({ kind }) => kind === 'DestinationRule'),
  );
  const began = Date.now();
  const printed = await cluster.cairn('waypoint', 'apply', '-n', shop, '--enroll-namespace', '--wait');
  const programmed = Date.now() - began;
  expect(printed).toContain(`✅ waypoint ${shop}/waypoint is ready!`);
  sleeper = await connectClient(cluster, shop, 'sleep');
  stranger = await connectClient(cluster, shop, 'notsleep');
  for (const service of ['productpage', 'reviews', 'details', 'ratings']) {
    const found = await cluster.client.get(resources.Service, shop, service);
    services.set(service, addressOf(found));
    await cluster.waitForRollout(shop, `${service}-v1`);
  }
  await askUntil(sleeper, call('productpage', '/productpage'), ({ status }) => status === 200);
  console.log(`cairn waypoint apply: programmed after ${programmed} ms, first 200 after ${Date.now() - began} ms`);
  const gateway = await cluster.client.get(resources.Gateway, shop, 'waypoint');
  const { addresses = [], conditions = [] } = (gateway?.['status'] ?? {}) as {
    readonly addresses?: readonly { readonly value: string }[];
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
  expect(conditions).toContainEqual(expect.objectContaining({ type: 'Programmed', status: 'True' }));
  const service = await cluster.client.get(resources.Service, shop, 'waypoint');
  expect(addresses.map(({ value }) => value)).toContain(addressOf(service));
  expect(await cluster.cairn('waypoint', 'list', '-n', shop)).toMatch(/^waypoint +default +none +True$/m);
  const status = await cluster.cairn('proxy-status');
  expect(status).toMatch(new RegExp(`^waypoint-\\S+\\.${shop} +waypoint +SYNCED`, 'm'));
  const scopes = await cluster.cairn('proxy-config', 'scope', `gateway/waypoint.${shop}`);
  expect(scopes).toMatch(
    new RegExp(`connect[|]${services.get('productpage')}:9080 +.*connect[|]9080[|]productpage[.].* yes$`, 'm'),
  );
}, 300_000);

test(
  'answers whose server ends first are whole, however slowly they are read',
  async () => {
    const ports = Object.entries(downloadPorts).map(([name, port]) => ({ name, port }));
    const service = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { namespace: shop, name: 'downloads' },
      spec: { selector: { app: 'notsleep' }, ports },
    };
    await withObjects([service], async () => {
      const address = addressOf(await cluster.client.get(resources.Service, shop, 'downloads'));
      const every = endings.flatMap((ending): Download[] => [
        { ending, bytes: 1_000 },
        { ending, bytes: 2_000_000 },
        { ending, bytes: 6_000_000, pauseMs: 4 },
      ]);
      const more = Array.from({ length: moreDownloads }, chooseDownload);
      const wanted = [...every, ...more];
      const ask = (some: readonly Download[]): Promise<readonly Downloaded[]> =>
        sleeper.download({ waypoint: `waypoint.${shop}.svc.cluster.local:15008`, service: address, wanted: some });
      await waitFor(async () => (await ask(wanted.slice(0, 1)).catch(() => []))[0]?.isComplete, {
        timeout: 60_000,
        what: 'the first download',
      });
      const got: Downloaded[] = [];
      for (const each of every) got.push(...(await ask([each])));
      // One answer must come before the client's patience with it ends.
      for (let at = 0; at < more.length; at += 50) got.push(...(await ask(more.slice(at, at + 50))));
      const sum = (all: readonly { readonly bytes: number }[]): number =>
        all.reduce((total, { bytes }) => total + bytes, 0);
      console.log(`${got.length} downloads of ${sum(wanted)} bytes, of which ${sum(wanted) - sum(got)} were lost`);
      const torn = wanted.filter(({ bytes }, at) => got[at]?.bytes !== bytes || !got[at].isComplete);
      expect(torn).toEqual([]);
    });
  },
  240_000 + 4_000 * moreDownloads,
);

/** Everything in the cluster that bears our label. */
async function listOurs(): Promise<readonly string[]> {
  const lists = await Promise.all(
    Object.values(resources)
      .filter(({ kind }) => !['TokenReview', 'SubjectAccessReview'].includes(kind))
      .map((resource) => cluster.client.list(resource)),
  );
  return lists
    .flat()
    .filter(
      ({ metadata: { labels = {} } }) =>
        labels['app.kubernetes.io/part-of'] === 'cairn' || labels['app.kubernetes.io/managed-by'] === 'cairn',
    )
    .map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ''}/${metadata.name}`);
}

describe('the tour', () => {
  test('1: a request of sleep arrives, through the waypoint', async () => {
    const answer = await sleeper.request(call('productpage', '/headers'));
    expect(answer.status).toBe(200);
    expect(answer.body).toContain('x-request-id');
    expect(answer.headers['server']).toBe('istio-envoy');
  });

  test('2: weights of a VirtualService', async () => {
    for (const version of ['v1', 'v2', 'v3']) await cluster.waitForRollout(shop, `reviews-${version}`);
    await withExample('reviews-80-20.yaml', async () => {
      const ask = call('reviews', '/reviews/0');
      await askUntil(sleeper, ask, ({ headers }) => headers['x-reviews-weights'] === '80/20');
      const answers = await Promise.all(Array.from({ length: 200 }, () => sleeper.request(ask)));
      const count = (version: string): number =>
        answers.filter(({ headers }) => headers['x-bookinfo-pod']?.startsWith(`reviews-${version}-`)).length;
      // 5 standard deviations around 160 of 200.
      expect(count('v1')).toBeGreaterThan(131);
      expect(count('v1')).toBeLessThan(189);
      expect(count('v1') + count('v2')).toBe(200);
    });
  }, 120_000);

  test('3: faults of a VirtualService', async () => {
    await withExample('productpage-abort.yaml', async () => {
      const ask = call('productpage', '/health');
      await askUntil(sleeper, ask, ({ status }) => status === 503);
      const answers = await Promise.all(Array.from({ length: 100 }, () => sleeper.request(ask)));
      const aborted = answers.filter(({ status }) => status === 503).length;
      expect(aborted).toBeGreaterThan(25);
      expect(aborted).toBeLessThan(75);
    });
  }, 120_000);

  test('4: who may do what', async () => {
    await withExample('productpage-viewer.yaml', async () => {
      const refused = await askUntil(stranger, call('productpage', '/productpage'), ({ status }) => status === 403);
      expect(refused.body).toBe('RBAC: access denied');
      expect((await sleeper.request(call('productpage', '/productpage'))).status).toBe(200);
      expect((await sleeper.request(call('productpage', '/productpage', 'DELETE'))).status).toBe(403);
    });
    await askUntil(stranger, call('productpage', '/productpage'), ({ status }) => status === 200);
  }, 120_000);

  test('5: what is wrong with a policy is told at once, in its status and by an Event', async () => {
    const [policy] = cluster.readExample('bookinfo-tour/productpage-viewer.yaml', shop);
    if (policy === undefined) throw new Error('the example is empty');
    const targetRefs = [{ kind: 'Service', group: '', name: 'nowhere' }];
    const broken: KubernetesObject = {
      ...policy,
      metadata: { namespace: shop, name: 'misdirected' },
      spec: { ...(policy['spec'] as object), targetRefs },
    };
    await cluster.apply(broken);
    const condition = await waitFor(
      async () => {
        const found = await cluster.client.get(resources.AuthorizationPolicy, shop, 'misdirected');
        const { conditions = [] } = (found?.['status'] ?? {}) as {
          readonly conditions?: readonly { readonly type: string; readonly reason: string }[];
        };
        return conditions.find(({ type }) => type === 'WaypointAccepted');
      },
      { timeout: 60_000, what: 'the status of the policy' },
    );
    expect(condition).toMatchObject({ status: 'False', reason: 'TargetNotFound' });
    await cluster.delete(broken);
  }, 90_000);
});

/** Each needs a library that the control plane loads when it is first asked for one. */
describe('what is loaded late is in the images', () => {
  const metadata = { namespace: shop, name: 'late' };
  const targetRefs = [{ kind: 'Service', group: '', name: 'productpage' }];

  test('a regular expression of a route and of a header', async () => {
    const route: KubernetesObject = {
      apiVersion: 'networking.istio.io/v1',
      kind: 'VirtualService',
      metadata,
      spec: {
        hosts: ['productpage'],
        http: [
          {
            match: [{ uri: { regex: '/v[0-9]+/health' }, headers: { 'x-who': { regex: '(?i)ALICE|bob' } } }],
            rewrite: { uri: '/health' },
            route: [{ destination: { host: 'productpage' } }],
          },
          { directResponse: { status: 418 } },
        ],
      },
    };
    const ask = (who: string): ClientCall => call('productpage', '/v12/health', 'GET', { 'x-who': who });
    await withObjects([route], async () => {
      await askUntil(sleeper, ask('carol'), ({ status }) => status === 418);
      expect((await sleeper.request(ask('Alice'))).status).toBe(200);
    });
    await askUntil(sleeper, call('productpage', '/health'), ({ status }) => status === 200);
  }, 120_000);

  test('keys of tokens', async () => {
    const issuer = createIssuer('https://issuer.example');
    const authentication: KubernetesObject = {
      apiVersion: 'security.istio.io/v1',
      kind: 'RequestAuthentication',
      metadata,
      spec: { targetRefs, jwtRules: [{ issuer: issuer.issuer, jwks: issuer.jwks }] },
    };
    const ask = (token: string): ClientCall =>
      call('productpage', '/health', 'GET', { authorization: `Bearer ${token}` });
    await withObjects([authentication], async () => {
      await askUntil(sleeper, ask(unsignedToken({ iss: issuer.issuer })), ({ status }) => status === 401);
      expect((await sleeper.request(ask(issuer.sign()))).status).toBe(200);
    });
  }, 120_000);

  test('a waypoint refuses nothing of it', async () => {
    expect(await cluster.cairn('analyze', '-n', shop)).not.toContain('RegexInvalid');
    expect(await cluster.cairn('proxy-status')).toMatch(new RegExp(`^waypoint-\\S+\\.${shop} +waypoint +SYNCED`, 'm'));
  }, 60_000);
});

describe('under 100 requests a second no request fails', () => {
  test('while the waypoint is restarted', async () => {
    await expectNoFailure(() => restart(shop, 'waypoint'));
  }, 240_000);

  test('while the control plane is restarted', async () => {
    await expectNoFailure(() => restart(system, 'cairn'));
  }, 240_000);

  test('while the waypoint goes from 1 replica to 3 and back', async () => {
    await expectNoFailure(async () => {
      await scale(shop, 'waypoint', 3);
      await scale(shop, 'waypoint', 1);
    });
  }, 300_000);

  test('while the template of its pod changes', async () => {
    await expectNoFailure(async () => {
      const annotations = { 'sidecar.istio.io/logLevel': 'info' };
      const before = (await cluster.client.get(resources.Deployment, shop, 'waypoint'))?.metadata.generation ?? 0;
      await cluster.client.patch(resources.Gateway, shop, 'waypoint', { metadata: { annotations } }, { type: 'merge' });
      const changed = async (): Promise<boolean> => {
        const now = await cluster.client.get(resources.Deployment, shop, 'waypoint');
        return (now?.metadata.generation ?? 0) > before;
      };
      await waitFor(changed, { timeout: 60_000, what: 'the new template' });
      await cluster.waitForRollout(shop, 'waypoint');
    });
  }, 240_000);
});

test('an Envoy that is killed takes only the requests in flight with it, and comes back in its pod', async () => {
  const [pod] = await cluster.pods(shop, gatewayLabels);
  if (pod === undefined) throw new Error('no waypoint pod');
  const restartsOf = async (): Promise<number> => {
    const found = await cluster.client.get(resources.Pod, shop, pod.metadata.name);
    const { containerStatuses = [] } = (found?.['status'] ?? {}) as {
      readonly containerStatuses?: readonly { readonly restartCount: number }[];
    };
    return containerStatuses[0]?.restartCount ?? -1;
  };
  const before = await restartsOf();
  const health = call('productpage', '/health');
  const { sent, statuses, failures } = await sleeper.under({ call: health, rate }, async () => {
    await cluster.exec(shop, pod.metadata.name, ['node', '-e', killEnvoy]);
    await askUntil(sleeper, health, ({ status }) => status === 200);
  });
  // At 100 requests a second that take milliseconds, few are on their way at any moment.
  expect(failures.length).toBeLessThan(10);
  expect((statuses[200] ?? 0) + failures.length).toBe(sent);
  expect(await restartsOf()).toBe(before);
}, 180_000);

test('the memory of the pods', async () => {
  const forward = await cluster.client.forwardPort({
    namespace: shop,
    pod: (await cluster.pods(shop, gatewayLabels))[0]?.metadata.name ?? '',
    port: 15_020,
  });
  const metrics = await (await fetch(`http://127.0.0.1:${forward.port}/stats/prometheus`)).text();
  await forward.close();
  const read = (name: string): number => Number(new RegExp(`^${name}(?:{[^}]*})? (\\S+)$`, 'm').exec(metrics)?.[1]);
  const agent = read('cairn_agent_resident_memory_bytes');
  const envoy = read('envoy_server_memory_physical_size');
  console.log(`waypoint pod: agent ${(agent / 1e6).toFixed(0)} MB resident, Envoy ${(envoy / 1e6).toFixed(0)} MB`);
  expect(agent).toBeGreaterThan(0);
  expect(envoy).toBeGreaterThan(0);
}, 60_000);

test('nothing remains of a waypoint that was deleted, nor of the control plane', async () => {
  expect(await cluster.cairn('waypoint', 'delete', '-n', shop, 'waypoint')).toBe(`waypoint ${shop}/waypoint deleted\n`);
  const kinds = [resources.Deployment, resources.Service, resources.ServiceAccount, resources.Pod];
  const remaining = async (): Promise<readonly string[]> => {
    const lists = await Promise.all(
      kinds.map((kind) =>
        cluster.client.list(kind, {
          namespace: shop,
          labelSelector: 'gateway.networking.k8s.io/gateway-name=waypoint',
        }),
      ),
    );
    return lists.flat().map(({ kind, metadata }) => `${kind} ${metadata.name}`);
  };
  await waitFor(async () => (await remaining()).length === 0, { timeout: 90_000, what: 'the waypoint to be gone' });
  await cluster.cairn('install', '--uninstall', '--purge', '-y', '--wait');
  let left: readonly string[] = [];
  const isGone = async (): Promise<boolean> => {
    left = await listOurs();
    return left.length === 0;
  };
  // A namespace takes its time to end.
  await waitFor(isGone, { timeout: 120_000, interval: 500, what: 'the end of everything', seen: () => left });
}, 240_000);
