// ProtoJSON to the objects that protobufjs encodes, strictly: an unknown field, enum value or type, a wrong type, or two members of one
// oneof is an EncodeError with the path to it. protobufjs' own protojson extension knows no paths and takes two spellings of a field.

import type protobuf from 'protobufjs/light.js';
import { describe, type MessageObject, type ReadPosition } from './read-position.ts';
import { fieldShapes, findMessage, messageName, type FieldShape } from './schema.ts';
import { readScalar } from './scalar.ts';
import { readWellKnown } from './well-known.ts';

/** Reads the JSON form of one message. */
export function readMessage(type: protobuf.Type, json: unknown, position: ReadPosition): MessageObject {
  const name = messageName(type);
  if (name === 'google.protobuf.Any') return readAny(json, position);
  const wellKnown = readWellKnown(name, json, position);
  if (wellKnown !== undefined) return wellKnown;
  if (!isObject(json)) position.fail('InvalidType', `expected a ${name}, got ${describe(json)}`);
  return readFields(type, json, position);
}

function readFields(type: protobuf.Type, json: Record<string, unknown>, position: ReadPosition): MessageObject {
  const shapes = fieldShapes(type);
  const message: MessageObject = {};
  const chosen = new Map<string, string>();
  for (const key of Object.keys(json)) {
    const value = json[key];
    if (value === undefined) continue;
    position.path.push(key);
    const shape = shapes.get(key) ?? position.fail('UnknownField', `${messageName(type)} has no such field`);
    if (value !== null || acceptsNull(shape)) {
      if (shape.oneof !== undefined) {
        const other = chosen.get(shape.oneof);
        if (other !== undefined) position.fail('OneofConflict', `cannot be set beside ${other} (oneof ${shape.oneof})`);
        chosen.set(shape.oneof, key);
      }
      readField(shape, value, message, position);
    }
    position.path.pop();
  }
  return message;
}

function acceptsNull(shape: FieldShape): boolean {
  return shape.message?.fullName === '.google.protobuf.Value';
}

function readField(shape: FieldShape, value: unknown, message: MessageObject, position: ReadPosition): void {
  if (shape.kind === 'repeated') {
    if (!Array.isArray(value)) position.fail('InvalidType', `expected a list, got ${describe(value)}`);
    if (value.length === 0) return;
    message[shape.name] = value.map((item: unknown, index) => {
      position.path.push(index);
      const read = readValue(shape, item, position);
      position.path.pop();
      return read;
    });
  } else if (shape.kind === 'map') {
    if (!isObject(value)) position.fail('InvalidType', `expected a map, got ${describe(value)}`);
    message[shape.name] = readMap(shape, value, position);
  } else {
    const read = readValue(shape, value, position);
    if (shape.hasPresence || !isDefault(read)) message[shape.name] = read;
  }
}

// Maps are read in the order of their sorted keys, so that equal maps make equal bytes.
function readMap(shape: FieldShape, json: Record<string, unknown>, position: ReadPosition): Record<string, unknown> {
  const map = Object.create(null) as Record<string, unknown>;
  for (const key of Object.keys(json).toSorted()) {
    position.path.push(key);
    map[key] = readValue(shape, json[key], position);
    position.path.pop();
  }
  return map;
}

function readValue(shape: FieldShape, value: unknown, position: ReadPosition): unknown {
  if (shape.message !== undefined) return readMessage(shape.message, value, position);
  if (shape.enumeration !== undefined) return readEnum(shape.enumeration, value, position);
  return readScalar(shape.scalar, value, position);
}

function readEnum(enumeration: protobuf.Enum, value: unknown, position: ReadPosition): number {
  const known =
    typeof value === 'string' && Object.hasOwn(enumeration.values, value) ? enumeration.values[value] : undefined;
  if (known !== undefined) return known;
  if (typeof value === 'number' && enumeration.valuesById[value] !== undefined) return value;
  return position.fail('UnknownEnumValue', `${describe(value)} is not a value of ${enumeration.fullName.slice(1)}`);
}

function readAny(json: unknown, position: ReadPosition): MessageObject {
  if (!isObject(json)) position.fail('InvalidType', `expected a message with @type, got ${describe(json)}`);
  const { '@type': typeUrl, ...fields } = json;
  if (typeof typeUrl !== 'string') position.fail('UnknownType', 'a message without @type');
  const name = typeUrl.slice(typeUrl.lastIndexOf('/') + 1);
  const type = findMessage(name);
  if (type === undefined) {
    position.path.push('@type');
    return position.fail('UnknownType', `${JSON.stringify(typeUrl)} is not in the schema`);
  }
  const value = readMessage(type, isValueInAny(name, fields) ? fields['value'] : fields, position);
  const bytes = type.encode(value).finish();
  return bytes.length === 0 ? { type_url: typeUrl } : { type_url: typeUrl, value: bytes };
}

/** Messages with a JSON form of their own are written `{ '@type': …, value: … }` inside an Any. */
function isValueInAny(name: string, fields: Record<string, unknown>): boolean {
  if (name === 'google.protobuf.Empty') return Object.hasOwn(fields, 'value');
  return name.startsWith('google.protobuf.');
}

function isDefault(value: unknown): boolean {
  if (value instanceof Uint8Array) return value.length === 0;
  return value === 0 ? !Object.is(value, -0) : value === '' || value === false;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
}
