// Waits for a waypoint until its Gateway says that it is programmed.

import { setTimeout as sleep } from 'node:timers/promises';
import { resources } from '../../kubernetes/index.ts';
import type { ApiClient } from '../../kubernetes/index.ts';
import type { Io } from '../io.ts';
import { PodWatcher } from '../pod-watcher.ts';
import { createProgressLine } from '../progress-line.ts';
import { readWaypoint } from './gateway.ts';
import type { Waypoint } from './gateway.ts';

/** The waypoint to wait for. */
export interface WaitTarget {
  readonly namespace: string;
  readonly name: string;
  readonly gatewayClass: string;
}

const pollMs = 1_000;
const gatewayNameLabel = 'gateway.networking.k8s.io/gateway-name';

function describe(waypoint: Waypoint | undefined): string {
  return waypoint?.programmed?.message ?? 'no controller has answered yet';
}

function podsOf(client: ApiClient, { namespace, name }: WaitTarget, io: Io): PodWatcher {
  // The label is on the pods, whatever name the Gateway's annotations give the Deployment.
  return new PodWatcher(client, { namespace, deployment: name, labels: { [gatewayNameLabel]: name } }, io);
}

/**
 * Asks once a second. False when the time is over, or the user does not want to wait any longer.
 */
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
  const pods = podsOf(client, target, io);
  const deadline = Date.now() + timeoutMs;
  try {
    for (;;) {
      const gateway = await client.get(resources.Gateway, namespace, name);
      const waypoint = gateway === undefined ? undefined : readWaypoint(gateway, gatewayClass);
      progress.clear();
      onPoll?.(waypoint);
      if (waypoint?.programmed?.status === 'True') return true;
      if (stop.aborted) return false;
      if (Date.now() + pollMs > deadline) {
        io.stderr.write(
          `waypoint ${namespace}/${name} is not programmed: ${describe(waypoint)}${await pods.explain()}\n`,
        );
        return false;
      }
      await pods.look();
      progress.show(`waiting for waypoint ${namespace}/${name}: ${describe(waypoint)}`);
      await sleep(pollMs, undefined, { signal: stop }).catch(() => undefined);
    }
  } finally {
    progress.clear();
  }
}
