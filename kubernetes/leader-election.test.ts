import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { ApiClient } from './client.ts';
import { ApiError } from './errors.ts';
import { LeaderElection } from './leader-election.ts';
import { waitFor } from '../test/support/wait.ts';
import type { KubernetesObject } from './resource.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
afterEach(() => void vi.useRealTimers());

/** A candidate whose lease was taken, and whose renewals never return. */
async function lead(): Promise<LeaderElection> {
  const answers: Partial<Record<'get' | 'create' | 'replace', unknown>> = {
    get: () => Promise.resolve(undefined),
    create: (_resource: unknown, lease: object) => Promise.resolve({ ...lease, metadata: { resourceVersion: '1' } }),
  };
  const election = new LeaderElection({
    client: answers as unknown as ApiClient,
    namespace: 'cairn-system',
    name: 'cairn',
    identity: 'first',
    onChange: () => undefined,
    log: () => undefined,
  });
  election.start();
  await waitFor(() => election.isLeader);
  return election;
}

it('does not lead after its machine has slept: the lease may be another’s', async () => {
  const election = await lead();
  // The wall clock moves, and the monotonic one does not.
  vi.setSystemTime(Date.now() + 60_000);
  expect(election.isLeader).toBe(false);
  void election.stop();
});

it('leads on when the clock is set back', async () => {
  const election = await lead();
  vi.setSystemTime(Date.now() - 60_000);
  expect(election.isLeader).toBe(true);
  void election.stop();
});

/**
 * A lease in an API of its own; `interfere` is called before each replacement, and may write in
 * between.
 */
class LeaseApi {
  lease: KubernetesObject | undefined;
  interfere: () => void = () => undefined;
  replaced = 0;

  get(): Promise<KubernetesObject | undefined> {
    return Promise.resolve(this.lease);
  }

  create(_resource: unknown, lease: KubernetesObject): Promise<KubernetesObject> {
    return Promise.resolve(this.write(lease));
  }

  replace(_resource: unknown, lease: KubernetesObject): Promise<KubernetesObject> {
    this.interfere();
    if (lease.metadata.resourceVersion !== this.lease?.metadata.resourceVersion)
      return Promise.reject(new ApiError('replace Lease cairn-system/cairn', 409, { reason: 'Conflict' }, 'test'));
    this.replaced += 1;
    return Promise.resolve(this.write(lease));
  }

  /** As another writer, or as the API once nothing prevents it. */
  write(lease: KubernetesObject): KubernetesObject {
    const version = Number(this.lease?.metadata.resourceVersion ?? '0') + 1;
    return (this.lease = { ...lease, metadata: { ...lease.metadata, resourceVersion: String(version) } });
  }

  writeSpec(fields: object): void {
    if (this.lease !== undefined) this.write({ ...this.lease, spec: { ...(this.lease['spec'] as object), ...fields } });
  }
}

async function leadAt(api: LeaseApi): Promise<{ readonly election: LeaderElection; readonly changes: boolean[] }> {
  const changes: boolean[] = [];
  const election = new LeaderElection({
    client: api as unknown as ApiClient,
    namespace: 'cairn-system',
    name: 'cairn',
    identity: 'first',
    leaseDurationMs: 1_500,
    renewDeadlineMs: 1_000,
    retryPeriodMs: 50,
    onChange: (isLeader) => changes.push(isLeader),
    log: () => undefined,
  });
  election.start();
  await waitFor(() => election.isLeader);
  return { election, changes };
}

it('leads no more once another has written its name between the look and the renewal', async () => {
  const api = new LeaseApi();
  const { election, changes } = await leadAt(api);
  api.interfere = (): void => api.writeSpec({ holderIdentity: 'second', leaseDurationSeconds: 15 });
  await waitFor(() => changes.length === 2, { timeout: 500 });
  expect(changes).toEqual([true, false]);
  expect([election.isLeader, api.replaced]).toEqual([false, 0]);
  await election.stop();
});

it('renews again at once where another writer left its name', async () => {
  const api = new LeaseApi();
  const { election, changes } = await leadAt(api);
  let isFirst = true;
  api.interfere = (): void => {
    if (isFirst) api.writeSpec({});
    isFirst = false;
  };
  await waitFor(() => api.replaced > 1);
  expect([election.isLeader, changes]).toEqual([true, [true]]);
  await election.stop();
});

it('takes a conflict for no renewal, however many there are', async () => {
  const api = new LeaseApi();
  const { election, changes } = await leadAt(api);
  api.interfere = (): void => api.writeSpec({});
  await waitFor(() => changes.length === 2, { timeout: 5_000 });
  expect(changes).toEqual([true, false]);
  expect([election.isLeader, api.replaced]).toEqual([false, 0]);
  await election.stop();
});
