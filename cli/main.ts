#!/usr/bin/env node
// The entry file of `cairn`: the only place that touches the process.

import { createInterface } from 'node:readline/promises';
import { text } from 'node:stream/consumers';
import type { Io } from './io.ts';
import { runCommandLine } from './program.ts';
import { createOutput } from './standard-output.ts';

let stop: AbortController | undefined;

/** The first signal asks the process to end in good order; the second one ends it. */
function stopSignal(): AbortSignal {
  if (stop !== undefined) return stop.signal;
  const controller = new AbortController();
  stop = controller;
  for (const [name, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const) {
    process.on(name, () => {
      if (controller.signal.aborted && name === 'SIGINT') process.exit(code);
      controller.abort();
    });
  }
  return controller.signal;
}

async function ask(question: string): Promise<string> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await terminal.question(question);
  } finally {
    terminal.close();
  }
}

/**
 * `cairn translate | head` is no failure, and a running control plane goes on when nobody can read
 * its output.
 */
function endUnlessRunning({ code }: NodeJS.ErrnoException): void {
  if (stop === undefined) process.exit(code === 'EPIPE' ? 0 : 1);
}

const io: Io = {
  stdout: createOutput(process.stdout, endUnlessRunning),
  stderr: createOutput(process.stderr, endUnlessRunning),
  readInput: () => text(process.stdin),
  isTty: process.stdout.isTTY && process.env['NO_COLOR'] === undefined,
  ask: process.stdin.isTTY && process.stderr.isTTY ? ask : undefined,
  env: process.env,
  stopSignal,
  nodeCommand: [process.execPath, ...process.execArgv],
};
const exitCode = await runCommandLine(process.argv.slice(2), io);
// A process that was told to end ends, even if a file system still owes it an answer.
if (stop?.signal.aborted === true) process.exit(exitCode);
process.exitCode = exitCode;
