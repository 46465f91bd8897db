// The command line inside the test's own process: what it prints, and how it ends.

import type { Io } from '../../cli/io.ts';
import { runCommandLine } from '../../cli/program.ts';

/** What a command did. */
export interface CommandResult {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs `cairn` with the arguments, as in a pipe. */
export async function runCommand(
  argv: readonly string[],
  options: { readonly input?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<CommandResult> {
  const written = { out: '', err: '' };
  const io: Io = {
    stdout: { write: (text) => (written.out += text) },
    stderr: { write: (text) => (written.err += text) },
    readInput: () => Promise.resolve(options.input ?? ''),
    isTty: false,
    env: options.env ?? {},
    stopSignal: () => new AbortController().signal,
    nodeCommand: [],
  };
  return { code: await runCommandLine(argv, io), ...written };
}
