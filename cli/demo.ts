// `cairn demo`: Bookinfo behind a real waypoint on one machine.

import { CommandError } from './io.ts';
import type { ExitCode, Io } from './io.ts';

/** The options of `cairn demo`. */
export interface DemoOptions {
  /** Walk the tour, check every step, and end. */
  readonly once?: boolean;
  /** `127.B.0.0/16` */
  readonly addressBlock?: string;
}

/** Runs until it is told to stop, or with `once` until the tour is walked; exit code 1 when a step was not as expected. */
export function runDemo(_options: DemoOptions, _io: Io): Promise<ExitCode> {
  return Promise.reject(new CommandError('the demo is not part of this build'));
}
