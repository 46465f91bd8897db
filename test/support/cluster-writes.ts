// Counts a control plane's writes to the API, and waits until it has nothing more to write.

import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiClient, ApiResource, KubernetesObject } from '../../kubernetes/index.ts';
import type { RunningControlPlane } from './cluster-mesh.ts';

/** Writes by verb and kind so far, but for those of the lease. */
export function countWrites({ controller }: Pick<RunningControlPlane, 'controller'>): ReadonlyMap<string, number> {
  const isWrite = (key: string): boolean =>
    /^(?:apply|create|delete|patch|replace) /.test(key) && !key.endsWith(' Lease');
  return new Map([...controller.requests].filter(([key]) => isWrite(key)));
}

/**
 * The writes that a control plane makes until it has made none for a second, of those that `act`
 * leads to.
 */
export async function writesOf(
  plane: Pick<RunningControlPlane, 'controller'>,
  act: () => Promise<unknown>,
): Promise<Readonly<Record<string, number>>> {
  await untilQuiet(plane);
  const before = countWrites(plane);
  await act();
  await untilQuiet(plane);
  const made = [...countWrites(plane)].map(([key, count]) => [key, count - (before.get(key) ?? 0)] as const);
  return Object.fromEntries(made.filter(([, count]) => count > 0));
}

/** Waits until nothing was written for a second. */
export async function untilQuiet(plane: Pick<RunningControlPlane, 'controller'>): Promise<void> {
  const quietMs = 1_000;
  const deadline = Date.now() + 60_000;
  const read = (): string => JSON.stringify([...countWrites(plane)]);
  for (let known = read(), since = Date.now(); Date.now() - since < quietMs; await sleep(50)) {
    if (Date.now() > deadline) throw new Error(`it goes on writing: ${read()}`);
    if (read() === known) continue;
    known = read();
    since = Date.now();
  }
}

/** A condition as it is read. */
export type ReadCondition = Readonly<Record<string, string | number>>;

/** The conditions of an object, or of another list of its status. */
export async function readConditionsOf(
  client: ApiClient,
  resource: ApiResource,
  namespace: string | undefined,
  name: string,
): Promise<readonly ReadCondition[]> {
  const status = statusOf(await client.get(resource, namespace, name));
  return (status['conditions'] ?? []) as readonly ReadCondition[];
}

/** The `status` of an object; {} where there is none. */
export function statusOf(object: KubernetesObject | undefined): Readonly<Record<string, unknown>> {
  return (object?.['status'] ?? {}) as Readonly<Record<string, unknown>>;
}
