// The door of the composition root. What runs is loaded when it is asked for, so that offline commands start at once.

import type { ClusterController, ClusterControllerOptions } from './cluster-controller.ts';
import type { ApiClient } from '../kubernetes/index.ts';
import type { MeshSettings } from '../mesh/index.ts';
import type { ClusterMesh } from './cluster-snapshot.ts';
import type { Controller, ControllerOptions } from './controller.ts';
import type { WithdrawnControlPlane } from './status/withdrawal.ts';

export { nodeProxyAddress, parseAddressBlock } from './addresses.ts';
export type { AddressBlock } from './addresses.ts';
export type { LogLevel } from './admin-server.ts';
export type { ClusterSettings } from './cluster-settings.ts';
export type { ClusterMesh } from './cluster-snapshot.ts';
export type { ClusterProxyView } from './cluster-views.ts';
export { readManifests } from './manifest-files.ts';
export { assembleMesh } from './offline.ts';
export type { OfflineMesh } from './offline.ts';
export { lastTrustDomain } from './trust-domain.ts';
export { findRunner } from './run-block.ts';
export { prepareState, statePaths } from './state.ts';
export type { StatePaths } from './state.ts';
export type { Controller, ControllerEndpoints, ControllerEvent, ControllerOptions } from './controller.ts';
export type { ControllerLog } from './log.ts';
export type { FindingView, ServiceView, WaypointView, WorkloadView } from './views.ts';

/** A controller that is not started yet. */
export async function createController(options: ControllerOptions): Promise<Controller> {
  const { Controller } = await import('./controller.ts');
  return new Controller(options);
}

/** One replica of a control plane in a cluster, not started yet. */
export async function createClusterController(options: ClusterControllerOptions): Promise<ClusterController> {
  const { ClusterController } = await import('./cluster-controller.ts');
  return new ClusterController(options);
}

/** Takes away what a control plane that no longer runs said in statuses: the number of objects by kind. Throws the error of the API. */
export async function withdrawStatuses(
  client: ApiClient,
  plane: WithdrawnControlPlane,
): Promise<ReadonlyMap<string, number>> {
  const withdrawal = await import('./status/withdrawal.ts');
  return await withdrawal.withdrawStatuses(client, plane);
}

/** The configuration of a cluster as of now. Throws the error of the API. */
export async function readClusterMesh(client: ApiClient, settings: MeshSettings): Promise<ClusterMesh> {
  const snapshot = await import('./cluster-snapshot.ts');
  return await snapshot.readClusterMesh(client, settings);
}
