// `cairn demo`: Bookinfo behind a real waypoint on one machine, to play with or as a tour that
// checks itself.

import { once } from 'node:events';
import type { MachineEvent } from '../../gateway-controller/index.ts';
import { compare, formatTime } from './check.ts';
import type { Check } from './check.ts';
import { DemoMesh } from './demo-mesh.ts';
import { formatGuide } from './guide.ts';
import { formatChecks } from './screen.ts';
import { tourSteps } from './steps/index.ts';
import { Tour } from './tour.ts';
import type { TourStep } from './tour.ts';
import { CommandError, exitCodes } from '../io.ts';
import type { ExitCode, Io } from '../io.ts';
import { createProgressLine } from '../progress-line.ts';
import type { ProgressLine } from '../progress-line.ts';
import { createFindingPrinter } from '../run.ts';

/** The options of `cairn demo`. */
export interface DemoOptions {
  /** Walk the tour, check every step, and end. */
  readonly once?: boolean;
  /** `127.B.0.0/16` */
  readonly addressBlock?: string;
}

/**
 * Runs until it is told to stop, or with `once` until the tour is walked; exit code 1 when a step
 * was not as expected.
 */
export function runDemo(options: DemoOptions, io: Io): Promise<ExitCode> {
  return options.once === true ? walkTour(options, io) : runUntilStopped(options, io);
}

async function runUntilStopped({ addressBlock }: DemoOptions, io: Io): Promise<ExitCode> {
  const stop = io.stopSignal();
  const progress = createProgressLine(io);
  const findings = createFindingPrinter(io);
  const onEvent = (event: MachineEvent): void => {
    if (event.type === 'step') findings.print(event.findings);
    else if (event.type === 'problem') io.stderr.write(`cairn: ${event.message}\n`);
  };
  const mesh = new DemoMesh({ name: 'demo', io, addressBlock, stop, onEvent, onProgress: progress.show });
  try {
    const began = performance.now();
    await mesh.start();
    progress.clear();
    const took = formatTime(performance.now() - began);
    io.stdout.write(`Bookinfo runs behind a waypoint on ${mesh.endpoints.block}, ready in ${took}.\n\n`);
    io.stdout.write(`${formatGuide(mesh)}\n`);
    const hasEnded = mesh.bookstoreEnded.then(() => 'bookstore' as const);
    const ended = stop.aborted ? undefined : await Promise.race([once(stop, 'abort'), hasEnded]);
    if (ended === 'bookstore') throw new CommandError('the bookstore app has ended');
    return exitCodes.success;
  } catch (error) {
    if (stop.aborted) return exitCodes.success;
    throw error;
  } finally {
    progress.clear();
    await stopMesh(mesh, progress, false);
  }
}

/**
 * Walks the steps on a mesh of their own; exit code 1 when a comparison differs, and then manifests
 * and logs are kept.
 */
export async function walkTour(
  { addressBlock }: DemoOptions,
  io: Io,
  steps: readonly TourStep[] = tourSteps,
): Promise<ExitCode> {
  const stop = io.stopSignal();
  const progress = createProgressLine(io);
  const onEvent = (event: MachineEvent): void => {
    if (event.type === 'problem') io.stderr.write(`cairn: ${event.message}\n`);
  };
  const mesh = new DemoMesh({ name: 'tour', io, addressBlock, stop, onEvent, onProgress: progress.show });
  const began = performance.now();
  let differences = 0;
  let count = 0;
  try {
    await mesh.start();
    progress.clear();
    io.stdout.write(`Bookinfo runs behind a waypoint on ${mesh.endpoints.block}, ready in ${elapsed(began)}.\n`);
    const stopped = once(stop, 'abort').then(() => undefined);
    const tour = new Tour(mesh, progress.show, stop);
    for (const [index, step] of steps.entries()) {
      if (stop.aborted) break;
      io.stdout.write(`\n${index + 1}. ${step.title}\n`);
      const checks = await Promise.race([walkStep(tour, step), stopped]);
      if (checks === undefined) break;
      progress.clear();
      io.stdout.write(formatChecks(checks, io.isTty));
      count += checks.length;
      differences += checks.filter(({ agrees }) => !agrees).length;
    }
  } finally {
    progress.clear();
    await stopMesh(mesh, progress, differences > 0);
  }
  if (stop.aborted) throw new CommandError('the tour was stopped before its end');
  const verdict =
    differences === 0 ? `All ${count} comparisons agree` : `${differences} of ${count} comparisons differ`;
  io.stdout.write(`\n${verdict}, in ${elapsed(began)}.\n`);
  if (differences > 0) io.stdout.write(`Manifests and logs are kept in ${mesh.places.root} until the next tour.\n`);
  return differences === 0 ? exitCodes.success : exitCodes.findings;
}

/** Walks one step. A step that could not be walked to its end is a difference like any other. */
export async function walkStep(tour: Tour, step: TourStep): Promise<readonly Check[]> {
  try {
    await tour.begin();
    return await step.walk(tour);
  } catch (error) {
    return [compare('the step', 'walked to its end', error instanceof Error ? error.message : String(error))];
  }
}

async function stopMesh(mesh: DemoMesh, progress: ProgressLine, keepFiles: boolean): Promise<void> {
  progress.show('ending the proxies');
  await mesh.stop({ keepFiles });
  progress.clear();
}

function elapsed(since: number): string {
  return formatTime(performance.now() - since);
}
