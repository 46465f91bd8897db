// The common part of the commands that istioctl has too: they end with its exit codes, 1 for a
// failure and 64 for a wrong command line.

import { type Command, CommanderError } from 'commander';
import { CommandError, exitCodes, isForeseen } from './io.ts';
import type { ExitCode } from './io.ts';

/** Makes a command and those below it end with 64 when their command line is wrong. */
export function exitAsIstioctl(command: Command): Command {
  return command.exitOverride(({ exitCode, code, message }) => {
    throw new CommanderError(exitCode === 0 ? exitCode : exitCodes.usage, code, message);
  });
}

/** Ends the command with exit code 1. */
export function fail(message: string, cause?: unknown): never {
  throw new CommandError(message, cause, exitCodes.findings);
}

/** The exit code of a command's work; 1 when its environment made it fail. */
export async function runAsIstioctl(work: Promise<ExitCode>): Promise<ExitCode> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof CommandError || !isForeseen(error)) throw error;
    return fail(error.message, error.cause);
  }
}
