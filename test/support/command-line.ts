// The command line inside the test's own process: its output, and its exit code.

import type { Io } from '../../cli/io.ts';
import { runCommandLine } from '../../cli/program.ts';

/** The result of a command. */
export interface CommandResult {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs `cairn` with the arguments, as in a pipe. */
export async function runCommand(
  argv: readonly string[],
  options: {
    readonly input?: string;
    readonly env?: Readonly<Record<string, string>>;
    /** A person's answer; by default nobody can be asked. */
    readonly answer?: string;
  } = {},
): Promise<CommandResult> {
  const written = { out: '', err: '' };
  const { answer } = options;
  const io: Io = {
    stdout: { write: (text) => (written.out += text) },
    stderr: { write: (text) => (written.err += text) },
    readInput: () => Promise.resolve(options.input ?? ''),
    isTty: false,
    ask:
      answer === undefined
        ? undefined
        : (question) => {
            written.err += question;
            return Promise.resolve(answer);
          },
    env: options.env ?? {},
    stopSignal: () => new AbortController().signal,
    nodeCommand: [],
  };
  return { code: await runCommandLine(argv, io), ...written };
}
