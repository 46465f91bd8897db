// The part of the process that a command may use. It is an argument, so that commands are functions
// that tests can call.

/** The process as a command sees it. */
export interface Io {
  readonly stdout: Output;
  readonly stderr: Output;
  /** Everything on the standard input; for `-f -`. */
  readonly readInput: () => Promise<string>;
  /**
   * Whether standard output is a terminal: colours, and other output that a pipe would not want.
   */
  readonly isTty: boolean;
  /** Asks a person, and resolves to the answer; undefined when nobody can be asked. */
  readonly ask: ((question: string) => Promise<string>) | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborts at Ctrl-C or SIGTERM. A caller of it promises to end in good order. */
  readonly stopSignal: () => AbortSignal;
  /**
   * The command line that runs another entry file in a process of its own: the interpreter and its
   * options.
   */
  readonly nodeCommand: readonly string[];
}

/** A sink for text. */
export interface Output {
  write(text: string): void;
}

/**
 * Success; errors in the configuration that was examined; the command itself could not do its work.
 * The verbs that istioctl has too end with istioctl's codes: 1 for a failure, 64 for a wrong
 * command line.
 */
export const exitCodes = { success: 0, findings: 1, failure: 2, usage: 64 } as const;

/** The exit code of a command. */
export type ExitCode = number;

/**
 * Whether an error was foreseen: ours, or the system's, which both have codes. Node's own codes
 * (`ERR_…`, and that of a missing module) are faults of this program, as errors without a code are.
 */
export function isForeseen(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && !/^(?:ERR_|MODULE_NOT_FOUND$)/.test(String(error.code));
}

/** A failure that the user can act on: printed without a stack; exit code 2 by default. */
export class CommandError extends Error {
  readonly code = 'CommandFailed';
  readonly exitCode: ExitCode;

  constructor(message: string, cause?: unknown, exitCode: ExitCode = exitCodes.failure) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'CommandError';
    this.exitCode = exitCode;
  }
}
