// `cairn agent`: the agent under the name that a container's entry point uses. It takes its own
// flags and environment.

import { findEnvoyBinary, isLogged, parseAgentOptions, runAgent } from '../agent/index.ts';
import { exitCodes } from './io.ts';
import type { ExitCode, Io } from './io.ts';

/** Runs an agent until it is told to stop; its messages go to standard error as JSON lines. */
export async function runAgentCommand(argv: readonly string[], io: Io): Promise<ExitCode> {
  const { agent, envoyBinary, logLevel } = parseAgentOptions(argv, (help) => io.stdout.write(help));
  await runAgent(
    { ...agent, envoyBinary: findEnvoyBinary(envoyBinary, io.env) },
    io.stopSignal(),
    (level, message, fields) => {
      if (!isLogged(level, logLevel)) return;
      io.stderr.write(`${JSON.stringify({ time: new Date().toISOString(), level, message, ...fields })}\n`);
    },
  );
  return exitCodes.success;
}
