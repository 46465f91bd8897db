import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { ApiClient } from './client.ts';
import { LeaderElection } from './leader-election.ts';
import { waitFor } from '../test/support/wait.ts';

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
