// The client, the Reflector, the election and the token review against a real API server.

import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  ApiClient,
  ApiError,
  type ApiResource,
  type ClusterAccess,
  type KubernetesObject,
  LeaderElection,
  loadClusterAccess,
  Reflector,
  type ReflectorProblem,
  resources,
  reviewToken,
} from '../../kubernetes/index.ts';
import { startApiServer, type TestApiServer } from '../support/kube-apiserver.ts';
import { stopAll } from '../support/processes.ts';
import { waitFor } from '../support/wait.ts';

let server: TestApiServer;
beforeAll(async () => {
  server = await startApiServer({ definitions: false });
  await server.createNamespace('shop');
});
afterAll(async () => {
  await server.stop();
  await stopAll();
});

const running: { stop(): Promise<void> | void }[] = [];
afterEach(async () => {
  for (const each of running.splice(0).reverse()) await each.stop();
});

function clientOf(access: ClusterAccess, timeoutMs = 20_000): ApiClient {
  const client = new ApiClient(access, { timeoutMs });
  running.push(client);
  return client;
}

function configMap(name: string, data: Readonly<Record<string, string>> = {}): KubernetesObject {
  return { metadata: { namespace: 'shop', name }, data };
}

/** Resolves to the reason of a rejection. */
async function rejectionOf(promise: Promise<unknown>): Promise<ApiError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ApiError);
  return error as ApiError;
}

describe('a client', () => {
  it('finds the cluster by a kubeconfig, and says which contexts there are when one is wrong', async () => {
    const env = { KUBECONFIG: `/nowhere/config:${server.kubeconfig}` };
    const { access, namespace, context } = await loadClusterAccess({ env });
    expect([access.server, namespace, context]).toEqual([server.url, 'default', 'test']);
    const namespaces = await clientOf(access).list(resources.Namespace);
    expect(namespaces.map(({ metadata }) => metadata.name)).toContain('shop');
    await expect(loadClusterAccess({ env, context: 'prod' })).rejects.toThrow(
      /context prod does not exist.*there are test/,
    );
    await expect(loadClusterAccess({ env: { HOME: '/nowhere' } })).rejects.toThrow(/no cluster is known/);
    await expect(loadClusterAccess({ env, kubeconfig: '/nowhere/config' })).rejects.toThrow(/cannot be read/);
  });

  it('writes, reads and deletes objects', async () => {
    const { client } = server;
    const configMaps = resources.ConfigMap;
    expect(await client.get(configMaps, 'shop', 'one')).toBeUndefined();
    await client.create(configMaps, configMap('one'), { dryRun: true });
    expect(await client.get(configMaps, 'shop', 'one')).toBeUndefined();
    const created = await client.create(configMaps, configMap('one', { a: '1' }));
    const exists = await rejectionOf(client.create(configMaps, configMap('one')));
    expect([exists.status, exists.reason]).toEqual([409, 'AlreadyExists']);
    await client.apply(configMaps, configMap('one', { b: '2' }), { fieldManager: 'cairn-test' });
    expect((await client.get(configMaps, 'shop', 'one'))?.['data']).toEqual({ a: '1', b: '2' });
    const foreign = client.apply(configMaps, configMap('one', { b: '3' }), { fieldManager: 'another' });
    expect((await rejectionOf(foreign)).message).toMatch(/^apply ConfigMap shop\/one: 409 Conflict: .*cairn-test/);
    await client.apply(configMaps, configMap('one', { b: '3' }), { fieldManager: 'another', force: true });
    const stale = client.replace(configMaps, { ...created, data: { a: '9' } });
    expect((await rejectionOf(stale)).reason).toBe('Conflict');
    await client.patch(configMaps, 'shop', 'one', { data: { a: null } }, { type: 'merge' });
    expect((await client.get(configMaps, 'shop', 'one'))?.['data']).toEqual({ b: '3' });
    expect(await client.delete(configMaps, 'shop', 'one')).toBe(true);
    expect(await client.delete(configMaps, 'shop', 'one')).toBe(false);
  });

  it('lists more objects than there are in a page', async () => {
    const names = ['p1', 'p2', 'p3', 'p4', 'p5'];
    const labelled = names.map((name) => ({ metadata: { namespace: 'shop', name, labels: { of: 'pages' } } }));
    await Promise.all(labelled.map((object) => server.client.create(resources.ConfigMap, object)));
    const options = { namespace: 'shop', labelSelector: 'of=pages', limit: 2 };
    const listed = await server.client.list(resources.ConfigMap, options);
    expect(listed.map(({ kind, apiVersion, metadata }) => [apiVersion, kind, metadata.name])).toEqual(
      names.map((name) => ['v1', 'ConfigMap', name]),
    );
  });

  it('says what to do when it is refused', async () => {
    const nobody = clientOf(await server.accessAs('nobody'));
    const forbidden = await rejectionOf(nobody.list(resources.Secret, { namespace: 'shop' }));
    expect(forbidden.message).toMatch(/^list secrets in shop: 403 Forbidden: .*"nobody" cannot list.*ClusterRole/);
    const wrong: ClusterAccess = {
      server: server.url,
      readCredentials: async () => ({ tls: { ca: server.ca }, headers: { authorization: 'Bearer nonsense' } }),
    };
    const unknown = await rejectionOf(clientOf(wrong).get(resources.Pod, 'shop', 'a'));
    expect(unknown.message).toMatch(/^get Pod shop\/a: 401 Unauthorized: .*log in again/);
    const stranger: ClusterAccess = { server: server.url, readCredentials: async () => ({ tls: {}, headers: {} }) };
    await expect(clientOf(stranger).list(resources.Pod)).rejects.toThrow(/certificate that the CA .* did not sign/);
    const nowhere: ClusterAccess = { ...wrong, server: 'https://127.0.0.1:1' };
    await expect(clientOf(nowhere).list(resources.Pod)).rejects.toThrow(
      /127.0.0.1:1 refuses connections: is the cluster running/,
    );
  });

  it('takes a token that was exchanged under way', async () => {
    let token = await server.createServiceAccountToken('shop', 'default');
    const rotating: ClusterAccess = {
      server: server.url,
      readCredentials: async () => ({ tls: { ca: server.ca }, headers: { authorization: `Bearer ${token}` } }),
    };
    const client = clientOf(rotating);
    await client.request('GET', '/version');
    const good = token;
    token = 'revoked';
    const other = clientOf(rotating);
    await rejectionOf(other.request('GET', '/version'));
    token = good;
    expect(await other.request('GET', '/version')).toMatchObject({ major: '1' });
  });
});

describe('a token review', () => {
  it('says whose token it is, for the audience that was asked for', async () => {
    const pod = { metadata: { namespace: 'shop', name: 'web' }, spec: { containers: [{ name: 'web', image: 'web' }] } };
    const { metadata } = await server.client.create(resources.Pod, pod);
    const audiences = ['istio-ca'];
    const bound = await server.createServiceAccountToken('shop', 'default', { audiences, boundPod: 'web' });
    expect(await reviewToken(server.client, bound, audiences)).toEqual({
      namespace: 'shop',
      serviceAccount: 'default',
      podName: 'web',
      podUid: metadata.uid,
    });
    expect(await reviewToken(server.client, bound, ['another'])).toBeUndefined();
    expect(await reviewToken(server.client, 'nonsense', audiences)).toBeUndefined();
    const forApi = await server.createServiceAccountToken('shop', 'default');
    expect(await reviewToken(server.client, forApi, audiences)).toBeUndefined();
    await server.client.request('DELETE', '/api/v1/namespaces/shop/pods/web', { body: { gracePeriodSeconds: 0 } });
    // The API server caches accepted tokens for some seconds.
    await waitFor(async () => (await reviewToken(server.client, bound, audiences)) === undefined, { timeout: 25_000 });
  });
});

interface Followed {
  readonly reflector: Reflector;
  /** Names, as the events and lists have it. */
  readonly names: Set<string>;
  readonly problems: ReflectorProblem[];
  readonly replaced: () => number;
  readonly client: ApiClient;
}

function follow(resource: ApiResource, options: { readonly labelSelector?: string } = {}): Followed {
  const client = clientOf(server.access, 2_000);
  const names = new Set<string>();
  const problems: ReflectorProblem[] = [];
  let replaced = 0;
  const reflector = new Reflector({
    client,
    resource,
    namespace: 'shop',
    ...options,
    onReplace: (objects) => {
      replaced += 1;
      names.clear();
      for (const { metadata } of objects) names.add(metadata.name);
    },
    onEvent: ({ type, object }) => {
      if (type === 'DELETED') names.delete(object.metadata.name);
      else names.add(object.metadata.name);
    },
    onProblem: (problem) => problems.push(problem),
    timing: { backOff: { baseMs: 50, maxMs: 1_000 }, silenceMs: 4_000, missing: [200, 400], shortWatchMs: 500 },
  });
  running.push(reflector);
  reflector.start();
  return { reflector, names, problems, replaced: () => replaced, client };
}

async function createLabelled(label: string, ...names: readonly string[]): Promise<void> {
  for (const name of names) {
    const metadata = { namespace: 'shop', name: `${label}-${name}`, labels: { of: label } };
    await server.client.create(resources.ConfigMap, { metadata });
  }
}

describe('a Reflector', () => {
  it('sees what is made and deleted, and again after the API server was killed', async () => {
    await createLabelled('killed', 'a', 'b');
    const { reflector, names } = follow(resources.ConfigMap, { labelSelector: 'of=killed' });
    await reflector.synced;
    expect([...names]).toEqual(['killed-a', 'killed-b']);
    await createLabelled('killed', 'c');
    await server.client.delete(resources.ConfigMap, 'shop', 'killed-a');
    await waitFor(() => names.has('killed-c') && !names.has('killed-a'));
    await server.kill();
    await server.restart();
    await createLabelled('killed', 'd');
    await server.client.delete(resources.ConfigMap, 'shop', 'killed-b');
    await waitFor(() => names.has('killed-d') && !names.has('killed-b'), { timeout: 20_000 });
    expect([...names]).toEqual(['killed-c', 'killed-d']);
    await waitFor(() => reflector.problem === undefined);
  }, 180_000);

  it('lists again when the API has forgotten its place', async () => {
    await createLabelled('compacted', 'a');
    const { reflector, names, replaced } = follow(resources.ConfigMap, { labelSelector: 'of=compacted' });
    await reflector.synced;
    for (let i = 0; i < 20; i += 1) {
      await server.client.create(resources.Secret, { metadata: { namespace: 'shop', name: `filler-${i}` } });
    }
    await server.compact();
    // Its own cache goes with the process.
    await server.kill();
    await server.restart();
    await createLabelled('compacted', 'b');
    await waitFor(() => names.has('compacted-b'), { timeout: 30_000 });
    expect([...names]).toEqual(['compacted-a', 'compacted-b']);
    expect(replaced()).toBeGreaterThan(1);
  }, 180_000);

  it('notices that the API server hangs, and goes on when it does', async () => {
    await createLabelled('hung', 'a');
    const { reflector, names, problems, client } = follow(resources.ConfigMap, { labelSelector: 'of=hung' });
    await reflector.synced;
    server.pause();
    try {
      await waitFor(() => problems.length > 0, { timeout: 30_000 });
    } finally {
      server.resume();
    }
    expect(problems[0]?.message).toMatch(/no answer within 2 s/);
    await createLabelled('hung', 'b');
    await waitFor(() => names.has('hung-b'), { timeout: 30_000 });
    expect([...names]).toEqual(['hung-a', 'hung-b']);
    expect(client.requests.get('list ConfigMap')).toBe(1);
  }, 120_000);

  it('has no objects of a kind that is not installed, and picks it up', async () => {
    const { reflector, names, problems } = follow(resources.HTTPRoute);
    await reflector.synced;
    expect([...names]).toEqual([]);
    expect(problems.map(({ code }) => code)).toEqual(['KindMissing']);
    await server.installDefinitions((kind) => kind === 'HTTPRoute');
    await server.client.create(resources.HTTPRoute, { metadata: { namespace: 'shop', name: 'web' }, spec: {} });
    await waitFor(() => names.has('web'), { timeout: 30_000 });
    await server.client.delete(resources.CustomResourceDefinition, undefined, 'httproutes.gateway.networking.k8s.io');
    await waitFor(() => names.size === 0, { timeout: 30_000 });
  }, 120_000);
});

describe('a leader election', () => {
  interface Candidate {
    readonly election: LeaderElection;
    readonly changes: boolean[];
    readonly client: ApiClient;
  }

  function candidate(
    identity: string,
    name: string,
    leaseDurationMs: number,
    client: ApiClient = clientOf(server.access),
  ): Candidate {
    const changes: boolean[] = [];
    const election = new LeaderElection({
      client,
      namespace: 'shop',
      name,
      identity,
      leaseDurationMs,
      renewDeadlineMs: leaseDurationMs / 2,
      retryPeriodMs: 200,
      onChange: (isLeader) => changes.push(isLeader),
      log: () => {},
    });
    running.push(election);
    election.start();
    return { election, changes, client };
  }

  it('has one leader, and another when that one is lost', async () => {
    const first = candidate('first', 'lost', 3_000);
    await waitFor(() => first.election.isLeader);
    const second = candidate('second', 'lost', 3_000);
    await sleep(4_000);
    expect([first.election.isLeader, second.election.isLeader]).toEqual([true, false]);
    // It can neither renew nor release.
    first.client.stop();
    let both = false;
    await waitFor(
      () => {
        both ||= first.election.isLeader && second.election.isLeader;
        return second.election.isLeader;
      },
      { timeout: 20_000 },
    );
    expect(both).toBe(false);
    expect([first.changes, second.changes]).toEqual([[true, false], [true]]);
    const lease = await server.client.get(resources.Lease, 'shop', 'lost');
    expect(lease?.['spec']).toMatchObject({ holderIdentity: 'second', leaseTransitions: 1, leaseDurationSeconds: 3 });
  }, 60_000);

  it('is over for a leader that another overtakes between its look and its renewal', async () => {
    const client = clientOf(server.access);
    const replace = client.replace.bind(client);
    const taken = { holderIdentity: 'second', leaseDurationSeconds: 600, leaseTransitions: 1 };
    let isOvertaken = false;
    client.replace = async (resource, object, options): Promise<KubernetesObject> => {
      if (isOvertaken) {
        await server.client.patch(resources.Lease, 'shop', 'overtaken', { spec: taken }, { type: 'merge' });
      }
      return replace(resource, object, options);
    };
    const { election, changes } = candidate('first', 'overtaken', 600_000, client);
    await waitFor(() => election.isLeader);
    isOvertaken = true;
    // A renewal deadline of five minutes would not pass in this test.
    await waitFor(() => !election.isLeader, { timeout: 20_000 });
    expect(changes).toEqual([true, false]);
    const lease = await server.client.get(resources.Lease, 'shop', 'overtaken');
    expect(lease?.['spec']).toMatchObject(taken);
  }, 60_000);

  it('passes on at once when the leader stops', async () => {
    const first = candidate('first', 'stopped', 600_000);
    await waitFor(() => first.election.isLeader);
    const second = candidate('second', 'stopped', 600_000);
    await first.election.stop();
    expect(first.changes).toEqual([true, false]);
    // A lease of ten minutes would not run out in this test.
    await waitFor(() => second.election.isLeader, { timeout: 20_000 });
  }, 60_000);

  it('does not trust the clock of the leader', async () => {
    const lease = (renewTime: string): KubernetesObject => ({
      metadata: { namespace: 'shop', name: 'skewed' },
      spec: { holderIdentity: 'other', leaseDurationSeconds: 2, renewTime, leaseTransitions: 0 },
    });
    const write = (minutes: number): Promise<KubernetesObject> => {
      const time = new Date(Date.now() + minutes * 60_000).toISOString().replace('Z', '000Z');
      return server.client.apply(resources.Lease, lease(time), { fieldManager: 'other', force: true });
    };
    // An hour slow, but alive.
    await write(-60);
    const { election, changes } = candidate('ours', 'skewed', 3_000);
    for (let i = 1; i <= 10; i += 1) {
      await sleep(400);
      await write(-60 + i);
    }
    expect(changes).toEqual([]);
    // An hour fast, and gone.
    await write(60);
    await waitFor(() => election.isLeader, { timeout: 20_000 });
  }, 60_000);
});
