// Encodes ProtoJSON to protobuf, strictly and in one step. An unknown field, enum value or type, a
// wrong type, or two members of one oneof is an EncodeError with the path to it. protobufjs' own
// protojson extension knows no paths and takes two spellings of a field.

import type protobuf from 'protobufjs/light.js';
import { ByteWriter } from './byte-writer.ts';
import { describe, ReadPosition } from './read-position.ts';
import { fieldShapes, findMessage, messageName, type FieldShape } from './schema.ts';
import { isRepeatedPacked, readScalar, writeScalar, writeTaggedScalar } from './scalar.ts';
import { readWellKnown, wrappedScalar } from './well-known.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Messages that never change, with the type and bytes that they were encoded to. */
const constants = new WeakMap<object, { readonly type: protobuf.Type; readonly bytes: Uint8Array } | undefined>();

/**
 * Marks a message, in its JSON form, as one that never changes and stands in many resources, so
 * that it is encoded once. Returns it.
 */
export function encodeOnce<T extends object>(message: T): T {
  if (!constants.has(message)) constants.set(message, undefined);
  return message;
}

const lengthDelimited = 2;
/** Kept between calls for its memory. */
const writer = new ByteWriter();

/**
 * The bytes of a message from its JSON form: fields in the order of their numbers, maps in the
 * order of their keys.
 */
export function encodeJson(type: protobuf.Type, json: unknown): Uint8Array {
  writer.reset();
  writeMessage(type, json, new ReadPosition());
  return writer.copySince(0);
}

function writeMessage(type: protobuf.Type, json: unknown, position: ReadPosition): void {
  if (!isObject(json) || !constants.has(json)) return writeFresh(type, json, position);
  const known = constants.get(json);
  if (known?.type === type) return writer.bytes(known.bytes);
  const mark = writer.length;
  writeFresh(type, json, position);
  constants.set(json, { type, bytes: writer.copySince(mark) });
}

function writeFresh(type: protobuf.Type, json: unknown, position: ReadPosition): void {
  const name = messageName(type);
  if (name.startsWith('google.protobuf.')) {
    if (name === 'google.protobuf.Any') return writeAny(json, position);
    const scalar = wrappedScalar(name);
    if (scalar !== undefined) return writePlain(1, scalar, readScalar(scalar, json, position));
    if (name === 'google.protobuf.Struct') return writeStruct(json, position);
    if (name === 'google.protobuf.Value') return writeValue(json, position);
    if (name === 'google.protobuf.ListValue') return writeList(json, position);
    const wellKnown = readWellKnown(name, json, position);
    if (wellKnown !== undefined) return writer.bytes(type.encode(wellKnown).finish());
  }
  if (!isObject(json)) position.fail('InvalidType', `expected a ${name}, got ${describe(json)}`);
  writeFields(type, json, false, position);
}

function writeFields(type: protobuf.Type, json: Fields, isInAny: boolean, position: ReadPosition): void {
  const shapes = fieldShapes(type);
  const present: FieldShape[] = [];
  let isSorted = true;
  for (const key of Object.keys(json)) {
    const value = json[key];
    if (value === undefined || (isInAny && key === '@type')) continue;
    const shape = shapes.get(key);
    if (shape === undefined) {
      position.path.push(key);
      return position.fail('UnknownField', `${messageName(type)} has no such field`);
    }
    if (value === null && shape.message?.fullName !== '.google.protobuf.Value') continue;
    const last = present.at(-1);
    if (last !== undefined && last.id > shape.id) isSorted = false;
    if (shape.oneof !== undefined) checkOneof(present, shape, position);
    present.push(shape);
  }
  if (!isSorted) present.sort((a, b) => a.id - b.id);
  for (let index = present.length - 1; index >= 0; index -= 1) {
    const shape = present[index];
    if (shape === undefined) continue;
    position.path.push(shape.name);
    writeField(shape, json[shape.name], position);
    position.path.pop();
  }
}

function checkOneof(present: readonly FieldShape[], shape: FieldShape, position: ReadPosition): void {
  const other = present.find(({ oneof }) => oneof === shape.oneof);
  if (other === undefined) return;
  position.path.push(shape.name);
  position.fail('OneofConflict', `cannot be set beside ${other.name} (oneof ${shape.oneof})`);
}

function writeField(shape: FieldShape, value: unknown, position: ReadPosition): void {
  if (shape.kind === 'map') return writeMap(shape, value, position);
  if (shape.kind === 'repeated') return writeRepeated(shape, value, position);
  if (shape.message !== undefined) return writeNested(shape.id, shape.message, value, position);
  const scalar = shape.enumeration === undefined ? shape.scalar : 'enum';
  const read = readSingle(shape, value, position);
  if (shape.hasPresence) writeTaggedScalar(writer, shape.id, scalar, read);
  else writePlain(shape.id, scalar, read);
}

/** A field whose default value is not on the wire. */
function writePlain(id: number, scalar: string, value: unknown): void {
  if (!isDefault(value)) writeTaggedScalar(writer, id, scalar, value);
}

function writeRepeated(shape: FieldShape, value: unknown, position: ReadPosition): void {
  if (!Array.isArray(value)) position.fail('InvalidType', `expected a list, got ${describe(value)}`);
  const scalar = shape.enumeration === undefined ? shape.scalar : 'enum';
  const isPacked = shape.message === undefined && isRepeatedPacked(scalar);
  const mark = writer.length;
  for (let index = value.length - 1; index >= 0; index -= 1) {
    position.path.push(index);
    if (shape.message !== undefined) writeNested(shape.id, shape.message, value[index], position);
    else if (isPacked) writeScalar(writer, scalar, readSingle(shape, value[index], position));
    else writeTaggedScalar(writer, shape.id, scalar, readSingle(shape, value[index], position));
    position.path.pop();
  }
  if (isPacked && value.length > 0) writeHead(shape.id, mark);
}

function writeMap(shape: FieldShape, json: unknown, position: ReadPosition): void {
  if (!isObject(json)) position.fail('InvalidType', `expected a map, got ${describe(json)}`);
  const keys = Object.keys(json).sort();
  for (let index = keys.length - 1; index >= 0; index -= 1) {
    const key = keys[index] ?? '';
    const mark = writer.length;
    position.path.push(key);
    if (shape.message !== undefined) writeNested(2, shape.message, json[key], position);
    else {
      const scalar = shape.enumeration === undefined ? shape.scalar : 'enum';
      writeTaggedScalar(writer, 2, scalar, readSingle(shape, json[key], position));
    }
    const { mapKey } = shape;
    writeTaggedScalar(writer, 1, mapKey, mapKey === 'string' ? key : mapKey === 'bool' ? key === 'true' : Number(key));
    position.path.pop();
    writeHead(shape.id, mark);
  }
}

function writeNested(id: number, type: protobuf.Type, value: unknown, position: ReadPosition): void {
  const mark = writer.length;
  writeMessage(type, value, position);
  writeHead(id, mark);
}

/** Writes the tag and length in front of the bytes since `mark`. */
function writeHead(id: number, mark: number): void {
  writer.varint(writer.length - mark);
  writer.varint(id * 8 + lengthDelimited);
}

function readSingle(shape: FieldShape, value: unknown, position: ReadPosition): unknown {
  return shape.enumeration === undefined
    ? readScalar(shape.scalar, value, position)
    : readEnum(shape.enumeration, value, position);
}

function readEnum(enumeration: protobuf.Enum, value: unknown, position: ReadPosition): number {
  const known =
    typeof value === 'string' && Object.hasOwn(enumeration.values, value) ? enumeration.values[value] : undefined;
  if (known !== undefined) return known;
  if (typeof value === 'number' && enumeration.valuesById[value] !== undefined) return value;
  return position.fail('UnknownEnumValue', `${describe(value)} is not a value of ${enumeration.fullName.slice(1)}`);
}

const typesByUrl = new Map<string, protobuf.Type>();

/**
 * The type of a URL. Known types are cached; unknown ones are not, since a user's text can be one.
 */
function findType(typeUrl: string): protobuf.Type | undefined {
  const type = findMessage(typeUrl.slice(typeUrl.lastIndexOf('/') + 1));
  if (type !== undefined && typeUrl.startsWith('type.googleapis.com/')) typesByUrl.set(typeUrl, type);
  return type;
}

function writeAny(json: unknown, position: ReadPosition): void {
  if (!isObject(json)) position.fail('InvalidType', `expected a message with @type, got ${describe(json)}`);
  const typeUrl = json['@type'];
  if (typeof typeUrl !== 'string') return position.fail('UnknownType', 'a message without @type');
  const type = typesByUrl.get(typeUrl) ?? findType(typeUrl);
  if (type === undefined) {
    position.path.push('@type');
    return position.fail('UnknownType', `${JSON.stringify(typeUrl)} is not in the schema`);
  }
  const name = messageName(type);
  const mark = writer.length;
  if (isValueInAny(name, json)) writeMessage(type, json['value'], position);
  else writeFields(type, json, true, position);
  if (writer.length > mark) writeHead(2, mark);
  writeTaggedScalar(writer, 1, 'string', typeUrl);
}

/** Messages with a JSON form of their own are written `{ '@type': …, value: … }` inside an Any. */
function isValueInAny(name: string, fields: Fields): boolean {
  if (name === 'google.protobuf.Empty') return Object.hasOwn(fields, 'value');
  return name.startsWith('google.protobuf.');
}

function writeStruct(json: unknown, position: ReadPosition): void {
  if (!isObject(json)) position.fail('InvalidType', `expected an object, got ${describe(json)}`);
  const keys = Object.keys(json).sort();
  for (let index = keys.length - 1; index >= 0; index -= 1) {
    const key = keys[index] ?? '';
    if (json[key] === undefined) continue;
    const entry = writer.length;
    position.path.push(key);
    writeValue(json[key], position);
    position.path.pop();
    writeHead(2, entry);
    writeTaggedScalar(writer, 1, 'string', key);
    writeHead(1, entry);
  }
}

function writeValue(json: unknown, position: ReadPosition): void {
  if (json === null) return writeTaggedScalar(writer, 1, 'enum', 0);
  if (typeof json === 'number' && Number.isFinite(json)) return writeTaggedScalar(writer, 2, 'double', json);
  if (typeof json === 'string') return writeTaggedScalar(writer, 3, 'string', json);
  if (typeof json === 'boolean') return writeTaggedScalar(writer, 4, 'bool', json);
  if (typeof json !== 'object') return position.fail('InvalidType', `${describe(json)} is not JSON`);
  const mark = writer.length;
  if (Array.isArray(json)) writeList(json, position);
  else writeStruct(json, position);
  return writeHead(Array.isArray(json) ? 6 : 5, mark);
}

function writeList(json: unknown, position: ReadPosition): void {
  if (!Array.isArray(json)) position.fail('InvalidType', `expected a list, got ${describe(json)}`);
  for (let index = json.length - 1; index >= 0; index -= 1) {
    const mark = writer.length;
    writeValue(json[index], position);
    writeHead(1, mark);
  }
}

function isDefault(value: unknown): boolean {
  if (value instanceof Uint8Array) return value.length === 0;
  return value === 0 ? !Object.is(value, -0) : value === '' || value === false;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
}
