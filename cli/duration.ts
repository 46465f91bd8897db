// Durations on the command line: every option has the same form, and its help names the bounds.

import { Option } from 'commander';
import { parseDuration } from '../mesh/index.ts';
import { CommandError, exitCodes } from './io.ts';

/** The bounds of an option, as its help writes them. */
export interface DurationBounds {
  readonly from: string;
  readonly to: string;
}

const dayMs = 86_400_000;

/**
 * Milliseconds of `90s`, `1h30m` or `2d`; undefined when the text is no duration. A day has 24
 * hours.
 */
function readMilliseconds(text: string): number | undefined {
  const [, days, rest = ''] = /^(\d+)d(.*)$/.exec(text) ?? [];
  if (days === undefined) return parseDuration(text);
  const more = rest === '' ? 0 : parseDuration(rest);
  return more === undefined ? undefined : Number(days) * dayMs + more;
}

/**
 * Milliseconds; throws CommandError that names the flag, with istioctl's exit code if istioctl has
 * the command too.
 */
export function readDuration(
  flag: string,
  text: string,
  { from, to }: DurationBounds,
  exitCode: number = exitCodes.failure,
): number {
  const found = readMilliseconds(text);
  const [least = 0, most = Infinity] = [readMilliseconds(from), readMilliseconds(to)];
  if (found !== undefined && found >= least && found <= most) return found;
  throw new CommandError(
    `${flag} must be a duration from ${from} to ${to}, such as 90s, 1h30m or 2d, not ${text}`,
    undefined,
    exitCode,
  );
}

/** An option `--flag <duration>` whose value is milliseconds. */
export function durationOption(
  flag: string,
  what: string,
  bounds: DurationBounds & { readonly default?: string; readonly exitCode?: number },
): Option {
  const option = new Option(`${flag} <duration>`, `${what}, ${bounds.from} to ${bounds.to}`);
  option.argParser((text) => readDuration(flag, text, bounds, bounds.exitCode));
  if (bounds.default === undefined) return option;
  return option.default(readDuration(flag, bounds.default, bounds), bounds.default);
}
