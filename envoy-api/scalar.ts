// Scalars in ProtoJSON: which JSON values each proto type takes, and its limits.

import { Buffer } from 'node:buffer';
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

/** Reads a scalar of a proto type: 64-bit integers may be decimal strings, bytes are base64 (or bytes, where code builds the message). */
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
