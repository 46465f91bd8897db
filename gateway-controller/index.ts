// The door of the composition roots. Code is loaded when it is called, so that offline commands
// start at once.

import type { ClusterController, ClusterControllerOptions } from './cluster/cluster-controller.ts';
import type { ApiClient } from '../kubernetes/index.ts';
import type { MeshSettings } from '../mesh/index.ts';
import type { ClusterMesh } from './cluster/source/cluster-snapshot.ts';
import type { MachineController, MachineOptions } from './machine/machine-controller.ts';
import type { WithdrawnControlPlane } from './cluster/status/withdrawal.ts';

export { nodeProxyAddress, parseAddressBlock } from './machine/addresses.ts';
export type { AddressBlock } from './machine/addresses.ts';
export type { LogLevel } from './serving/admin-server.ts';
export { defaultOnDemandAbove } from './serving/on-demand.ts';
export type { ClusterSettings } from './cluster/cluster-settings.ts';
export type { ClusterMesh } from './cluster/source/cluster-snapshot.ts';
export type { ClusterProxyView } from './cluster/cluster-views.ts';
export { readManifests } from './machine/manifest-files.ts';
export { assembleMesh } from './machine/offline.ts';
export type { OfflineMesh } from './machine/offline.ts';
export { lastTrustDomain } from './machine/trust-domain.ts';
export { findRunner } from './machine/run-block.ts';
export { prepareState, statePaths } from './machine/state.ts';
export type { StatePaths } from './machine/state.ts';
export type {
  MachineController,
  MachineEndpoints,
  MachineEvent,
  MachineOptions,
} from './machine/machine-controller.ts';
export type { ControllerLog } from './serving/log.ts';
export type { ServiceView, WaypointView, WorkloadView } from './machine/views.ts';
export type { FindingView } from './serving/finding-view.ts';

/** A controller that is not started yet. */
export async function createMachineController(options: MachineOptions): Promise<MachineController> {
  const { MachineController } = await import('./machine/machine-controller.ts');
  return new MachineController(options);
}

/** One replica of a control plane in a cluster, not started yet. */
export async function createClusterController(options: ClusterControllerOptions): Promise<ClusterController> {
  const { ClusterController } = await import('./cluster/cluster-controller.ts');
  return new ClusterController(options);
}

/**
 * Removes the entries of a control plane that no longer runs from statuses: returns the number of
 * objects by kind. Throws the error of the API.
 */
export async function withdrawStatuses(
  client: ApiClient,
  plane: WithdrawnControlPlane,
): Promise<ReadonlyMap<string, number>> {
  const withdrawal = await import('./cluster/status/withdrawal.ts');
  return await withdrawal.withdrawStatuses(client, plane);
}

/** The current configuration of a cluster. Throws the error of the API. */
export async function readClusterMesh(client: ApiClient, settings: MeshSettings): Promise<ClusterMesh> {
  const snapshot = await import('./cluster/source/cluster-snapshot.ts');
  return await snapshot.readClusterMesh(client, settings);
}
