// The current activity, as one line of the terminal that is overwritten; nothing in a pipe.

import picocolors from 'picocolors';
import type { Io } from './io.ts';

/** A line that is overwritten until it is cleared; nothing in a pipe. */
export interface ProgressLine {
  readonly show: (text: string) => void;
  readonly clear: () => void;
}

const spinner = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const frameMs = 80;
const longestProgress = 76;

/** Draws on the terminal, at most one frame every 80 ms, however often it is called. */
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
