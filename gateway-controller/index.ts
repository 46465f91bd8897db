// The door of the composition root. What runs is loaded when it is asked for, so that offline commands start at once.

import type { Controller, ControllerOptions } from './controller.ts';

export { nodeProxyAddress, parseAddressBlock } from './addresses.ts';
export type { AddressBlock } from './addresses.ts';
export { readManifests } from './manifest-files.ts';
export { assembleMesh } from './offline.ts';
export type { OfflineMesh } from './offline.ts';
export { findRunner } from './run-block.ts';
export { statePaths } from './state.ts';
export type { StatePaths } from './state.ts';
export type {
  Controller,
  ControllerEndpoints,
  ControllerEvent,
  ControllerOptions,
} from './controller.ts';
export type { ControllerLog } from './log.ts';
export type { FindingView, ServiceView, WaypointView, WorkloadView } from './views.ts';

/** A controller that is not started yet. */
export async function createController(options: ControllerOptions): Promise<Controller> {
  const { Controller } = await import('./controller.ts');
  return new Controller(options);
}
