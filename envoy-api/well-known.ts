// The messages of google.protobuf that have a JSON form of their own: durations, timestamps,
// wrappers, and JSON inside protobuf.

import { describe, type MessageObject, type ReadPosition } from './read-position.ts';

/** The scalar inside each wrapper message. */
const wrappers: { readonly [name: string]: string } = {
  'google.protobuf.DoubleValue': 'double',
  'google.protobuf.FloatValue': 'float',
  'google.protobuf.Int64Value': 'int64',
  'google.protobuf.UInt64Value': 'uint64',
  'google.protobuf.Int32Value': 'int32',
  'google.protobuf.UInt32Value': 'uint32',
  'google.protobuf.BoolValue': 'bool',
  'google.protobuf.StringValue': 'string',
  'google.protobuf.BytesValue': 'bytes',
};

/**
 * Reads a well-known message from its JSON form; undefined for every other message, and for
 * wrappers, Struct and Value, which are written at once.
 */
export function readWellKnown(name: string, json: unknown, position: ReadPosition): MessageObject | undefined {
  if (!name.startsWith('google.protobuf.')) return undefined;
  switch (name) {
    case 'google.protobuf.Duration':
      return readDuration(json, position);
    case 'google.protobuf.Timestamp':
      return readTimestamp(json, position);
    case 'google.protobuf.FieldMask':
      if (typeof json !== 'string') return position.fail('InvalidType', `expected a field mask, got ${describe(json)}`);
      return {
        paths: json.split(',').map((path) => path.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)),
      };
    default:
      return undefined;
  }
}

/**
 * Writes a well-known message (its decoded fields) in its JSON form; undefined for every other
 * message.
 */
export function writeWellKnown(name: string, message: MessageObject): unknown {
  if (wrappers[name] !== undefined) return undefined;
  switch (name) {
    case 'google.protobuf.Duration':
      return `${writeSeconds(message)}s`;
    case 'google.protobuf.Timestamp':
      return new Date(Number(message['seconds'] ?? 0) * 1000).toISOString().replace('.000Z', `${fraction(message)}Z`);
    case 'google.protobuf.FieldMask':
      return strings(message['paths'])
        .map((path) => path.replaceAll(/_([a-z])/g, (_match, letter: string) => letter.toUpperCase()))
        .join(',');
    case 'google.protobuf.Struct':
    case 'google.protobuf.ListValue':
    case 'google.protobuf.Value':
      return writeJson(message);
    default:
      return undefined;
  }
}

/** The scalar inside a wrapper message (`UInt32Value` …); undefined for every other message. */
export function wrappedScalar(name: string): string | undefined {
  return wrappers[name];
}

/** True for the wrapper messages (`UInt32Value` …), whose JSON form is that of their value. */
export function isWrapper(name: string): boolean {
  return wrappers[name] !== undefined;
}

function readDuration(json: unknown, position: ReadPosition): MessageObject {
  const match = typeof json === 'string' ? /^(-?)(\d{1,12})(?:\.(\d{1,9}))?s$/.exec(json) : null;
  if (match === null) return position.fail('InvalidType', `expected a duration such as "1.5s", got ${describe(json)}`);
  const sign = match[1] === '-' ? -1 : 1;
  return spanOf(sign * Number(match[2]), sign * Number((match[3] ?? '').padEnd(9, '0')));
}

function readTimestamp(json: unknown, position: ReadPosition): MessageObject {
  const match =
    typeof json === 'string' ? /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/.exec(json) : null;
  const milliseconds = match === null ? Number.NaN : Date.parse(`${match[1]}${match[3]}`);
  if (match === null || Number.isNaN(milliseconds)) {
    return position.fail('InvalidType', `expected an RFC 3339 time, got ${describe(json)}`);
  }
  return spanOf(milliseconds / 1000, Number((match[2] ?? '').padEnd(9, '0')));
}

function spanOf(seconds: number, nanos: number): MessageObject {
  return { ...(seconds === 0 ? {} : { seconds }), ...(nanos === 0 ? {} : { nanos }) };
}

function writeSeconds(message: MessageObject): string {
  const seconds = Number(message['seconds'] ?? 0);
  const nanos = Number(message['nanos'] ?? 0);
  const sign = seconds < 0 || nanos < 0 ? '-' : '';
  return `${sign}${Math.abs(seconds)}${fraction(message)}`;
}

function fraction(message: MessageObject): string {
  const nanos = Math.abs(Number(message['nanos'] ?? 0));
  return nanos === 0 ? '' : `.${String(nanos).padStart(9, '0').replace(/0+$/, '')}`;
}

// A Struct, a ListValue or a Value: told apart by the fields that are there.
function writeJson(message: MessageObject): unknown {
  if (has(message, 'fields')) {
    return Object.fromEntries(
      Object.entries(message['fields'] as Record<string, MessageObject>).map(([key, value]) => [key, writeJson(value)]),
    );
  }
  if (has(message, 'values')) return (message['values'] as readonly MessageObject[]).map(writeJson);
  for (const plain of ['boolValue', 'stringValue', 'numberValue']) if (has(message, plain)) return message[plain];
  for (const nested of ['structValue', 'listValue'])
    if (has(message, nested)) return writeNested(nested, message[nested]);
  return null;
}

function writeNested(kind: string, value: unknown): unknown {
  const written = writeJson(value as MessageObject);
  if (written !== null) return written;
  return kind === 'structValue' ? {} : [];
}

function has(message: MessageObject, field: string): boolean {
  return Object.hasOwn(message, field) && message[field] !== null && message[field] !== undefined;
}

function strings(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}
