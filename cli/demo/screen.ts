// How the demo shows things: the picture of the path, the commands to try, the steps of the tour, and what is going on right now.

import picocolors from 'picocolors';
import type { Io } from '../io.ts';
import type { Check } from './check.ts';

/** A line that is overwritten until it is cleared; nothing at all in a pipe. */
export interface ProgressLine {
  readonly show: (text: string) => void;
  readonly clear: () => void;
}

const spinner = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const frameMs = 80;
const longestProgress = 76;

/** Draws on the terminal; at most one frame every 80 ms, however often something is told. */
export function createProgressLine(io: Io): ProgressLine {
  const { dim, cyan } = picocolors.createColors(io.isTty);
  let shown = '';
  let began = Date.now();
  let frame = 0;
  let timer: NodeJS.Timeout | undefined;
  const draw = (): void => {
    frame += 1;
    const seconds = Math.floor((Date.now() - began) / 1_000);
    const text = `${shown}${seconds > 1 ? ` ${seconds} s` : ''}`.slice(0, longestProgress);
    io.stdout.write(`\r\u001B[2K${cyan(spinner[frame % spinner.length] ?? '')} ${dim(text)}`);
  };
  return {
    show: (text) => {
      shown = text;
      if (!io.isTty || timer !== undefined) return;
      began = Date.now();
      timer = setInterval(draw, frameMs);
      timer.unref();
      draw();
    },
    clear: () => {
      if (timer === undefined) return;
      clearInterval(timer);
      timer = undefined;
      io.stdout.write('\r\u001B[2K');
    },
  };
}

const differs = 'DIFFERS';
/** A longer text gets lines of its own, so that a table fits a terminal. */
const longestCell = 30;

/** What was expected and what was seen, side by side; a difference is marked by a word, not by colour alone. */
export function formatChecks(checks: readonly Check[], isColoured: boolean): string {
  const { green, red, dim, bold } = picocolors.createColors(isColoured);
  const whatWidth = Math.max(...checks.map(({ what }) => what.length));
  const expectedWidth = longestCell;
  const indent = ' '.repeat(differs.length + 4 + whatWidth + 2);
  const lines = checks.map(({ what, expected, observed, agrees }) => {
    const mark = agrees ? green('ok'.padEnd(differs.length)) : bold(red(differs));
    const start = `  ${mark}  ${what.padEnd(whatWidth)}  `;
    const seen = agrees ? observed : red(observed);
    return isLong(expected) || isLong(observed)
      ? `${start}${expected}\n${indent}${seen}\n`
      : `${start}${expected.padEnd(expectedWidth)}  ${seen}\n`;
  });
  return `${dim(`${indent}${'expected'.padEnd(expectedWidth)}  observed`)}\n${lines.join('')}`;
}

function isLong(text: string): boolean {
  return text.length > longestCell;
}
