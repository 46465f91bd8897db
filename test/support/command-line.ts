// The command line inside the test's own process: its output, and its exit code.

import type { Command } from 'commander';
import type { Io } from '../../cli/io.ts';
import { createProgram, runCommandLine } from '../../cli/program.ts';

/** The result of a command. */
export interface CommandResult {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** The surroundings of a command. */
interface Surroundings {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** A person's answer; by default nobody can be asked. */
  readonly answer?: string;
}

/** Runs `cairn` with the arguments, as in a pipe. */
export async function runCommand(argv: readonly string[], options: Surroundings = {}): Promise<CommandResult> {
  const written = { out: '', err: '' };
  return { code: await runCommandLine(argv, createIo(written, options)), ...written };
}

/** The commands with their options, to be looked at. */
export function createSilentProgram(): Command {
  return createProgram(createIo({ out: '', err: '' }, {}), () => undefined);
}

function createIo(written: { out: string; err: string }, { input = '', env = {}, answer }: Surroundings): Io {
  return {
    stdout: { write: (text) => (written.out += text) },
    stderr: { write: (text) => (written.err += text) },
    readInput: () => Promise.resolve(input),
    isTty: false,
    ask:
      answer === undefined
        ? undefined
        : (question) => {
            written.err += question;
            return Promise.resolve(answer);
          },
    env,
    stopSignal: () => new AbortController().signal,
    nodeCommand: [],
  };
}
