// Draining: Envoy finishes what it has begun before it is ended.

import { setTimeout as sleep } from 'node:timers/promises';
import type { AdminAddress } from '../bootstrap/index.ts';
import { readAdmin, readStats } from './admin-client.ts';

/** The bounds of a drain in seconds; it ends when no connection is left. */
export interface DrainTime {
  readonly minimumSeconds: number;
  readonly seconds: number;
}

/**
 * Tells clients to connect elsewhere, takes what they still send, and ends when nobody is
 * connected. Resolves in any case.
 */
export async function drainEnvoy(admin: AdminAddress, { minimumSeconds, seconds }: DrainTime): Promise<void> {
  if (seconds <= 0) return;
  const start = performance.now();
  const lasted = (): number => (performance.now() - start) / 1000;
  try {
    await readAdmin(admin, 'POST', '/drain_listeners?graceful');
    while (lasted() < seconds && (lasted() < minimumSeconds || (await countConnections(admin)) > 0)) await sleep(100);
  } catch {
    // An Envoy that does not answer has nothing to finish.
  }
}

/**
 * Connections that carry traffic. Those of internal listeners are parts of others, and statistics
 * are not traffic.
 */
async function countConnections(admin: AdminAddress): Promise<number> {
  const active = await readStats(admin, String.raw`^listener\..*\.downstream_cx_active$`);
  let sum = 0;
  for (const [name, value] of active) {
    if (!/^listener\.(admin\.|prometheus_stats\.|envoy_internal_|.*\.worker_)/.test(name)) sum += value;
  }
  return sum;
}
