// The commands that documents ask their readers to type: the lines after `$ ` in blocks of the kind
// `console`, and their output.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';

/** One line that is typed, and the lines that the document shows under it. */
export interface ConsoleStep {
  readonly command: string;
  readonly printed: string;
}

/** The steps of a document, or of one of its sections, in order. */
export function readConsoleSteps(file: string, section?: string): readonly ConsoleStep[] {
  const whole = readFileSync(file, 'utf8');
  const [, part = whole] = section === undefined ? [] : whole.split(`## ${section}\n`);
  const text = section === undefined ? whole : (part.split(/^## /m)[0] ?? '');
  return [...text.matchAll(/^```console\n([^]*?)^```$/gm)].flatMap(([, block = '']) =>
    block
      .split(/^\$ /m)
      .slice(1)
      .map((step) => {
        const [command = '', ...printed] = step.split('\n');
        return { command, printed: printed.join('\n') };
      }),
  );
}

/** The result of a step. */
export interface TypedStep extends ConsoleStep {
  readonly out: string;
  readonly status: number;
}

/**
 * Types steps into one shell, in order, until one fails. Standard error goes to the log that is
 * returned.
 */
export async function typeSteps(
  steps: readonly ConsoleStep[],
  options: { readonly cwd: string; readonly env: NodeJS.ProcessEnv },
): Promise<{ readonly typed: readonly TypedStep[]; readonly err: string }> {
  const end = '@@end of step';
  // Jobs have numbers, as in an interactive shell. If a step fails, those that still run end with
  // it.
  const prologue = `set -m\ntrap 'kill $(jobs -p) 2> /dev/null' EXIT\n`;
  const script = steps.map(({ command }) => `${command}\ncode=$?; echo "${end} $code"; [ $code = 0 ] || exit $code\n`);
  const shell = spawn('bash', ['-c', `${prologue}${script.join('')}`], {
    ...options,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [out, err] = await Promise.all([text(shell.stdout), text(shell.stderr), once(shell, 'exit')]);
  const typed = [...out.matchAll(new RegExp(`([^]*?)${end} (\\d+)\\n`, 'g'))].map(([, printed = '', status], index) => {
    const step = steps[index];
    if (step === undefined) throw new Error(`more ends than steps: ${out}`);
    return { ...step, out: printed, status: Number(status) };
  });
  return { typed, err };
}
