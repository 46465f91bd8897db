// The input of a waypoint's deployment: the Gateway as the API serves it, the settings of the
// control plane, and the overlays that apply.

import type { GatewaySpec, ObjectRef } from '../../mesh/index.ts';
import type { WaypointTemplateSettings } from './settings.ts';

/** The Gateway that objects are deployed for. */
export interface DeployedGateway {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly spec: GatewaySpec;
}

/**
 * A ConfigMap with changes to the objects, by `deployment`, `service`, `serviceAccount`,
 * `horizontalPodAutoscaler`, `podDisruptionBudget`.
 */
export interface Overlay {
  readonly ref: ObjectRef;
  readonly data: Readonly<Record<string, string>>;
}

/** The input from which the objects of one waypoint are rendered. */
export interface WaypointDeployment {
  readonly gateway: DeployedGateway;
  readonly className: string;
  readonly controllerName: string;
  readonly settings: WaypointTemplateSettings;
  /** Applied in order: those of the class first, that of `infrastructure.parametersRef` last. */
  readonly overlays: readonly Overlay[];
}
