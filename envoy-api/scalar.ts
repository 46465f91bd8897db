// Scalars in ProtoJSON: which JSON values each proto type takes, and its limits.

import { Buffer } from 'node:buffer';
import type { ByteWriter } from './byte-writer.ts';
import { describe, type ReadPosition } from './read-position.ts';

const ranges: { readonly [type: string]: readonly [number, number] } = {
  int32: [-2147483648, 2147483647],
  sint32: [-2147483648, 2147483647],
  sfixed32: [-2147483648, 2147483647],
  uint32: [0, 4294967295],
  fixed32: [0, 4294967295],
};

const base64 = /^[A-Za-z0-9+/\-_]*={0,2}$/;
const largestFloat = 3.4028234663852886e38;

/**
 * Reads a scalar of a proto type: 64-bit integers may be decimal strings, bytes are base64 (or
 * bytes, where code builds the message).
 */
export function readScalar(type: string, value: unknown, position: ReadPosition): unknown {
  switch (type) {
    case 'string':
      return typeof value === 'string' ? value : wrongType('a string', value, position);
    case 'bool':
      return typeof value === 'boolean' ? value : wrongType('true or false', value, position);
    case 'bytes':
      if (value instanceof Uint8Array) return value;
      if (typeof value !== 'string' || !base64.test(value)) return wrongType('base64', value, position);
      return new Uint8Array(Buffer.from(value, 'base64'));
    case 'float':
    case 'double':
      return readFloat(type, value, position);
    default:
      return readInteger(type, value, position);
  }
}

function readFloat(type: string, value: unknown, position: ReadPosition): number {
  if (value === 'NaN' || value === 'Infinity' || value === '-Infinity') return Number(value);
  if (typeof value !== 'number' || !Number.isFinite(value)) return wrongType('a number', value, position);
  if (type === 'float' && Math.abs(value) > largestFloat) return outOfRange(type, value, position);
  return value;
}

function readInteger(type: string, value: unknown, position: ReadPosition): unknown {
  const range = ranges[type];
  if (range !== undefined) {
    if (typeof value !== 'number' || !Number.isInteger(value)) return wrongType('an integer', value, position);
    return value >= range[0] && value <= range[1] ? value : outOfRange(type, value, position);
  }
  if (
    typeof value === 'number' ? !Number.isSafeInteger(value) : typeof value !== 'string' || !/^-?\d{1,20}$/.test(value)
  ) {
    return wrongType('an integer', value, position);
  }
  const exact = BigInt(value as number | string);
  const unsigned = type === 'uint64' || type === 'fixed64';
  const fits = unsigned ? BigInt.asUintN(64, exact) === exact : BigInt.asIntN(64, exact) === exact;
  if (!fits) return outOfRange(type, value, position);
  const number = Number(exact);
  return Number.isSafeInteger(number) ? number : halvesOf(exact, unsigned);
}

// The form in which protobufjs takes a 64-bit integer that no double holds.
function halvesOf(exact: bigint, unsigned: boolean): { low: number; high: number; unsigned: boolean } {
  return { low: Number(BigInt.asIntN(32, exact)), high: Number(BigInt.asIntN(32, exact >> 32n)), unsigned };
}

function wrongType(expected: string, value: unknown, position: ReadPosition): never {
  return position.fail('InvalidType', `expected ${expected}, got ${describe(value)}`);
}

function outOfRange(type: string, value: unknown, position: ReadPosition): never {
  return position.fail('InvalidValue', `${describe(value)} is out of range for ${type}`);
}

const varintTypes: ReadonlySet<string> = new Set([
  'int32',
  'uint32',
  'sint32',
  'int64',
  'uint64',
  'sint64',
  'bool',
  'enum',
]);

function wireTypeOf(type: string): number {
  if (varintTypes.has(type)) return 0;
  if (type === 'double' || type === 'fixed64' || type === 'sfixed64') return 1;
  return type === 'string' || type === 'bytes' ? 2 : 5;
}

/**
 * Whether the items of a list of this scalar (or of `enum`) stand in one run of bytes, as proto3
 * has it for numbers.
 */
export function isRepeatedPacked(type: string): boolean {
  return wireTypeOf(type) !== 2;
}

/** Writes a field: the tag in front of the value. */
export function writeTaggedScalar(writer: ByteWriter, id: number, type: string, value: unknown): void {
  writeScalar(writer, type, value);
  writer.varint(id * 8 + wireTypeOf(type));
}

/** Writes the result of `readScalar` for a type, or the number of an `enum`. */
export function writeScalar(writer: ByteWriter, type: string, value: unknown): void {
  switch (type) {
    case 'string':
    case 'bytes': {
      const mark = writer.length;
      if (typeof value === 'string') writer.text(value);
      else writer.bytes(value as Uint8Array);
      return writer.varint(writer.length - mark);
    }
    case 'bool':
      return writer.varint(value === true ? 1 : 0);
    case 'double':
      return writer.double(Number(value));
    case 'float':
      return writer.float(Number(value));
    case 'fixed32':
    case 'sfixed32':
      return writer.fixed32(Number(value));
    case 'fixed64':
    case 'sfixed64':
      return writer.fixed64(toBigInt(value));
    case 'sint32':
    case 'sint64': {
      const exact = toBigInt(value);
      return writer.varint64((exact << 1n) ^ (exact >> 63n));
    }
    default:
      return typeof value === 'number' && value >= 0 ? writer.varint(value) : writer.varint64(toBigInt(value));
  }
}

function toBigInt(value: unknown): bigint {
  if (typeof value === 'number') return BigInt(value);
  const { low, high } = value as { readonly low: number; readonly high: number };
  return (BigInt(high) << 32n) | BigInt(low >>> 0);
}
