// Decoded messages to ProtoJSON with the proto files' field names, for incoming messages (discovery
// requests) and for people to read.

import { Buffer } from 'node:buffer';
import type protobuf from 'protobufjs/light.js';
import type { Json, JsonObject } from './json.ts';
import type { MessageObject } from './read-position.ts';
import { fieldShapes, findMessage, messageName, type FieldShape } from './schema.ts';
import { isWrapper, writeWellKnown } from './well-known.ts';

/**
 * The JSON form of a decoded message. An Any of a type that the schema lacks stays `{ '@type',
 * value: base64 }`.
 */
export function writeMessage(type: protobuf.Type, message: MessageObject): Json {
  const name = messageName(type);
  if (name === 'google.protobuf.Any') return writeAny(message);
  if (isWrapper(name)) return writeWrapper(type, message);
  const wellKnown = writeEmptyWellKnown(name, message) ?? writeWellKnown(name, message);
  if (wellKnown !== undefined) return wellKnown as Json;
  return writeFields(type, message);
}

function writeEmptyWellKnown(name: string, message: MessageObject): Json | undefined {
  if (name === 'google.protobuf.Struct' && isEmpty(message['fields'])) return {};
  if (name === 'google.protobuf.ListValue' && isEmpty(message['values'])) return [];
  return undefined;
}

function writeFields(type: protobuf.Type, message: MessageObject): JsonObject {
  const json: Record<string, Json> = {};
  for (const [name, shape] of fieldShapes(type)) {
    if (!Object.hasOwn(message, name)) continue;
    const value = message[name];
    if (value === null || value === undefined) continue;
    if (shape.kind === 'singular') json[name] = writeValue(shape, value);
    else if (!isEmpty(value)) json[name] = writeMany(shape, value);
  }
  return json;
}

function writeMany(shape: FieldShape, value: unknown): Json {
  if (Array.isArray(value)) return value.map((item: unknown) => writeValue(shape, item));
  const entries = Object.entries(value as Record<string, unknown>);
  return Object.fromEntries(entries.map(([key, item]) => [key, writeValue(shape, item)]));
}

function writeValue(shape: FieldShape, value: unknown): Json {
  if (shape.message !== undefined) return writeMessage(shape.message, value as MessageObject);
  if (shape.enumeration !== undefined) return shape.enumeration.valuesById[value as number] ?? (value as number);
  return writeScalar(value);
}

function writeScalar(value: unknown): Json {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (isLong(value)) return value.toString();
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  return value as Json;
}

function writeWrapper(type: protobuf.Type, message: MessageObject): Json {
  const field = type.fields['value'];
  if (Object.hasOwn(message, 'value')) return writeScalar(message['value']);
  return field === undefined ? null : writeScalar(field.resolve().defaultValue);
}

function writeAny(message: MessageObject): JsonObject {
  const typeUrl = typeof message['type_url'] === 'string' ? message['type_url'] : '';
  const bytes = message['value'] instanceof Uint8Array ? message['value'] : new Uint8Array();
  const type = findMessage(typeUrl.slice(typeUrl.lastIndexOf('/') + 1));
  if (type === undefined) return { '@type': typeUrl, value: Buffer.from(bytes).toString('base64') };
  const json = writeMessage(type, type.decode(bytes));
  const name = messageName(type);
  if (name.startsWith('google.protobuf.') && name !== 'google.protobuf.Empty') return { '@type': typeUrl, value: json };
  return { '@type': typeUrl, ...(json as JsonObject) };
}

function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined) return true;
  return Array.isArray(value) ? value.length === 0 : Object.keys(value).length === 0;
}

function isLong(value: unknown): value is { toString(): string } {
  return typeof value === 'object' && value !== null && 'low' in value && 'high' in value;
}
