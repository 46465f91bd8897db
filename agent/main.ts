// The entry file of an agent, which keeps the process as small as it can be. Flags and environment
// go in, JSON lines come out.

import { writeSync } from 'node:fs';
import { CommanderError } from 'commander';
import { runAgent } from './agent.ts';
import { findEnvoyBinary } from './envoy-binary.ts';
import { AgentError, type Log } from './error.ts';
import { isLogged, parseAgentOptions, type LogLevel } from './options.ts';

let least: LogLevel = 'info';
const log: Log = (level, message, fields) => {
  if (!isLogged(level, least)) return;
  const line = `${JSON.stringify({ time: new Date().toISOString(), level, message, ...fields })}\n`;
  try {
    writeSync(2, line);
  } catch {
    // The proxy goes on when the disk is full, or nobody reads.
  }
};

try {
  const stop = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(name, () => stop.abort());
  const { agent, envoyBinary, stopWithStdin, logLevel, warnings } = parseAgentOptions(process.argv.slice(2), (help) =>
    writeSync(1, help),
  );
  least = logLevel;
  for (const warning of warnings) log('warn', warning, { code: 'OptionInvalid' });
  if (stopWithStdin) process.stdin.on('end', () => stop.abort()).resume();
  await runAgent({ ...agent, envoyBinary: findEnvoyBinary(envoyBinary, process.env) }, stop.signal, log);
  process.exit(0);
} catch (error) {
  if (error instanceof CommanderError && error.exitCode === 0) process.exit(0);
  const code = error instanceof Error && 'code' in error ? error.code : 'Internal';
  // An unforeseen error shows where it was.
  const stack = error instanceof AgentError || !(error instanceof Error) ? {} : { stack: error.stack };
  log('error', error instanceof Error ? error.message : String(error), { code, ...stack });
  process.exit(1);
}
