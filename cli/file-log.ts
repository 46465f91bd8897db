// The log of a run: JSON lines in a file, since the terminal belongs to what people want to see.

import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import pino from 'pino';
import type { ControllerLog } from '../gateway-controller/index.ts';
import { logFormat } from './log-format.ts';

/** Appends to `path`, which is made with its directory. */
export function createFileLog(path: string): ControllerLog {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const logger = pino(
    { ...logFormat, base: null },
    pino.destination({ dest: path, sync: true, append: true, mode: 0o600 }),
  );
  return (level, message, fields) => logger[level](fields, message);
}
