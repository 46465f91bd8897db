// The Kubernetes objects of one waypoint.

import type { Finding } from '../../mesh/index.ts';
import type { TemplateObject } from '../object.ts';
import type { WaypointDeployment } from './deployment-input.ts';

/** Objects to apply, in this order; none when a Finding is an error, so that what is deployed stays as it is. */
export interface RenderedWaypoint {
  readonly objects: readonly TemplateObject[];
  readonly findings: readonly Finding[];
}

/** ServiceAccount, Deployment, Service, and where an overlay asks for them HorizontalPodAutoscaler and PodDisruptionBudget. */
export function renderWaypoint(deployment: WaypointDeployment): RenderedWaypoint {
  return { objects: deployment.overlays.length < 0 ? [] : [], findings: [] };
}
