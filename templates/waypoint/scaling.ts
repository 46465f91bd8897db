// The base of the autoscaler and the budget, to which an overlay is applied. An overlay that gives
// only `maxReplicas` gets an autoscaler that scales up at once and down slowly.

import type { TemplateObject } from '../object.ts';
import type { WaypointDeployment } from './deployment-input.ts';
import { renderMeta } from './metadata.ts';
import { resolveWaypointNames } from './names.ts';
import { renderSelector } from './service.ts';

/** The HorizontalPodAutoscaler before the overlay: one pod at most. */
export function renderAutoscaler(deployment: WaypointDeployment): TemplateObject {
  const { name } = resolveWaypointNames(deployment.gateway);
  return {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: renderMeta(deployment),
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name },
      maxReplicas: 1,
      behavior: {
        // Up: to twice the pods, or four more, in a minute, when the load has been there for half a
        // minute.
        scaleUp: {
          stabilizationWindowSeconds: 30,
          selectPolicy: 'Max',
          policies: [
            { type: 'Percent', value: 100, periodSeconds: 60 },
            { type: 'Pods', value: 4, periodSeconds: 60 },
          ],
        },
        // Down: a pod or a tenth of them in a minute, when nothing in the last ten minutes asked
        // for more. Each pod that goes makes its clients reconnect.
        scaleDown: {
          stabilizationWindowSeconds: 600,
          selectPolicy: 'Max',
          policies: [
            { type: 'Percent', value: 10, periodSeconds: 60 },
            { type: 'Pods', value: 1, periodSeconds: 60 },
          ],
        },
      },
    },
  };
}

/** The PodDisruptionBudget before the overlay, which says how many pods must stay. */
export function renderDisruptionBudget(deployment: WaypointDeployment): TemplateObject {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: renderMeta(deployment),
    // Pods that are not ready serve nobody: they never prevent the draining of a node.
    spec: { selector: { matchLabels: renderSelector(deployment) }, unhealthyPodEvictionPolicy: 'AlwaysAllow' },
  };
}
