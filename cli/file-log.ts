// The log of a run: JSON lines in a file, since the terminal belongs to output for people. It is
// bounded. Lines that cannot be written are lost, which is logged once there is room again: a full
// disk ends no control plane.

import { appendFileSync, renameSync, statSync } from 'node:fs';
import { pino } from 'pino';
import type { ControllerLog } from '../gateway-controller/index.ts';
import { logFormat } from './log-format.ts';

/** A file of this size becomes `FILE.1`, in place of the one before it. In bytes. */
const maxSize = 16 * 1024 * 1024;

/** Appends to `path`, whose directory exists. */
export function createFileLog(path: string, limit: number = maxSize): ControllerLog {
  let size = sizeOf(path);
  let lost = 0;
  const append = (line: string): void => {
    if (size > limit) {
      renameSync(path, `${path}.1`);
      size = 0;
    }
    appendFileSync(path, line, { mode: 0o600 });
    size += Buffer.byteLength(line);
  };
  const write = (line: string): void => {
    try {
      append(line);
      if (lost === 0) return;
      const count = lost;
      lost = 0;
      logger.warn({ lines: count }, 'lines of this log could not be written and are lost');
    } catch {
      lost += 1;
    }
  };
  const logger = pino({ ...logFormat, base: null }, { write });
  return (level, message, fields) => logger[level](fields, message);
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
