// Waits for the control plane until all its pods run with the newest template, and reports
// meanwhile what prevents that.

import { setTimeout as sleep } from 'node:timers/promises';
import { resources } from '../../kubernetes/index.ts';
import type { ApiClient } from '../../kubernetes/index.ts';
import { controlPlaneLabels, controlPlaneName } from '../../templates/index.ts';
import { CommandError } from '../io.ts';
import type { Io } from '../io.ts';
import { PodWatcher } from '../pod-watcher.ts';

interface DeploymentStatus {
  readonly observedGeneration?: number;
  readonly replicas?: number;
  readonly updatedReplicas?: number;
  readonly availableReplicas?: number;
}

/**
 * Resolves when it runs; throws CommandError when the time is over, with the problems of its pods.
 */
export async function waitUntilAvailable(
  client: ApiClient,
  namespace: string,
  timeoutMs: number,
  io: Io,
): Promise<void> {
  const pods = new PodWatcher(client, { namespace, deployment: controlPlaneName, labels: controlPlaneLabels }, io);
  for (const end = Date.now() + timeoutMs; ; await sleep(500)) {
    const deployment = await client.get(resources.Deployment, namespace, controlPlaneName);
    const { replicas: wanted = 1 } = (deployment?.['spec'] ?? {}) as { readonly replicas?: number };
    const status = (deployment?.['status'] ?? {}) as DeploymentStatus;
    const isObserved = (status.observedGeneration ?? 0) >= (deployment?.metadata.generation ?? 1);
    const counts = [status.replicas, status.updatedReplicas, status.availableReplicas];
    if (isObserved && counts.every((count) => count === wanted)) return;
    await pods.look();
    if (Date.now() > end) {
      throw new CommandError(
        `the control plane does not run yet: ${status.availableReplicas ?? 0} of ${wanted} pods are available` +
          (await pods.explain()),
      );
    }
  }
}
