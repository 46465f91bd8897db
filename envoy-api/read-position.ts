// The common part of the readers of JSON: their position, and how they report faults.

import { EncodeError, formatPath, type EncodeErrorCode } from './encode-error.ts';

/**
 * A message as protobufjs' encoder takes it: fields by proto name, only those that go on the wire.
 */
export type MessageObject = Record<string, unknown>;

/**
 * The reader's position, for error messages. It is pushed and popped, never copied, because nearly
 * every path is never printed.
 */
export class ReadPosition {
  readonly path: (string | number)[] = [];

  fail(code: EncodeErrorCode, problem: string): never {
    const path = formatPath(this.path);
    throw new EncodeError(code, path, path === '' ? problem : `${path}: ${problem}`);
  }
}

/** A short form of a value for an error message. */
export function describe(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
