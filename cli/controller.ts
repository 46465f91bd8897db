// `cairn controller`: the control plane of a cluster, as its pods run it, until it is told to stop.

import { once } from 'node:events';
import { pino } from 'pino';
import { createClusterController } from '../gateway-controller/index.ts';
import { loadClusterAccess } from '../kubernetes/index.ts';
import { readControllerSettings } from './controller-options.ts';
import type { ControllerOptions } from './controller-options.ts';
import { exitCodes } from './io.ts';
import type { ExitCode, Io } from './io.ts';
import { logFormat } from './log-format.ts';

/** The cluster, if it is not the one that this process runs in. */
export interface ClusterChoice {
  readonly kubeconfig?: string;
  readonly context?: string;
}

/** Runs until it is told to stop. */
export async function runController(options: ControllerOptions & ClusterChoice, io: Io): Promise<ExitCode> {
  const stop = io.stopSignal();
  const { settings, logLevel } = readControllerSettings(options);
  const logger = pino({ ...logFormat, level: logLevel, base: { replica: settings.identity } }, io.stderr);
  const { kubeconfig, context } = options;
  const { access } = await loadClusterAccess({
    ...(kubeconfig === undefined ? {} : { kubeconfig }),
    ...(context === undefined ? {} : { context }),
    env: io.env,
  });
  const controller = await createClusterController({
    access,
    settings,
    log: (level, message, fields) => logger[level](fields, message),
    logLevel: {
      get: () => logger.level,
      set: (level) => {
        logger.level = level;
      },
    },
  });
  const stopped = (stop.aborted ? Promise.resolve() : once(stop, 'abort')).then(() => controller.stop());
  try {
    await controller.start();
  } catch (error) {
    // A controller that was stopped while it started ended as it was told.
    if (stop.aborted) return exitCodes.success;
    throw error;
  } finally {
    if (stop.aborted) await stopped;
  }
  await stopped;
  return exitCodes.success;
}
