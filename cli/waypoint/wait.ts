// Waiting for a waypoint: until its Gateway says that it is programmed.

import { setTimeout as sleep } from 'node:timers/promises';
import { resources } from '../../kubernetes/index.ts';
import type { ApiClient } from '../../kubernetes/index.ts';
import { parseDuration } from '../../mesh/index.ts';
import type { Io } from '../io.ts';
import { fail } from '../istioctl.ts';
import { createProgressLine } from '../progress-line.ts';
import { readWaypoint } from './gateway.ts';
import type { Waypoint } from './gateway.ts';

/** Which waypoint is waited for. */
export interface WaitTarget {
  readonly namespace: string;
  readonly name: string;
  readonly gatewayClass: string;
}

const pollMs = 1_000;

/** `--waypoint-timeout` in milliseconds; throws CommandError. */
export function readTimeout(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined || ms < 0)
    fail(`invalid argument "${text}" for "--waypoint-timeout" flag: use a duration such as 90s`);
  return ms;
}

/** Asks once a second. False when the time is over, or the user does not want to wait any longer. */
export async function waitUntilProgrammed(
  client: ApiClient,
  target: WaitTarget,
  timeoutMs: number,
  io: Io,
  onPoll?: (waypoint: Waypoint | undefined) => void,
): Promise<boolean> {
  const { namespace, name, gatewayClass } = target;
  const stop = io.stopSignal();
  const progress = createProgressLine(io);
  const deadline = Date.now() + timeoutMs;
  try {
    for (;;) {
      const gateway = await client.get(resources.gateways, namespace, name);
      const waypoint = gateway === undefined ? undefined : readWaypoint(gateway, gatewayClass);
      progress.clear();
      onPoll?.(waypoint);
      if (waypoint?.programmed?.status === 'True') return true;
      if (stop.aborted || Date.now() + pollMs > deadline) return false;
      const reason = waypoint?.programmed?.message ?? 'no controller has answered yet';
      progress.show(`waiting for waypoint ${namespace}/${name}: ${reason}`);
      await sleep(pollMs, undefined, { signal: stop }).catch(() => undefined);
    }
  } finally {
    progress.clear();
  }
}
