// Letting Envoy finish what it has begun before it is ended.

import { setTimeout as sleep } from 'node:timers/promises';
import type { SocketAddress } from '../bootstrap/index.ts';
import { readAdmin, readStats } from './admin-client.ts';

/** Tells clients to go elsewhere, and waits until no connection is left or the time is over. Resolves in any case. */
export async function drainEnvoy(admin: SocketAddress, seconds: number): Promise<void> {
  if (seconds <= 0) return;
  const end = Date.now() + seconds * 1000;
  try {
    await readAdmin(admin, 'POST', '/drain_listeners?graceful');
    while (Date.now() < end && (await countConnections(admin)) > 0) await sleep(100);
  } catch {
    // An Envoy that does not answer has nothing to finish.
  }
}

/** Connections that carry traffic: those of internal listeners are the inside of others, and statistics are not traffic. */
async function countConnections(admin: SocketAddress): Promise<number> {
  const active = await readStats(admin, String.raw`^listener\..*\.downstream_cx_active$`);
  let sum = 0;
  for (const [name, value] of active) {
    if (!/^listener\.(admin\.|prometheus_stats\.|envoy_internal_|.*\.worker_)/.test(name)) sum += value;
  }
  return sum;
}
