// JSON to bytes and back: resources for Envoy, discovery messages for the streams.

import { createHash } from 'node:crypto';
import type protobuf from 'protobufjs/light.js';
import { EncodeError } from './encode-error.ts';
import type { JsonObject } from './json.ts';
import { encodeJson } from './message-encoder.ts';
import { writeMessage } from './message-writer.ts';
import { typeNameOf, type EnvoyResource, type TypeUrl } from './resource.ts';
import { findMessage } from './schema.ts';

/**
 * A resource on the wire: `bytes` is the message itself (the value of an Any), `version` the first
 * 16 hex digits of its SHA-256.
 */
export interface EncodedResource {
  readonly typeUrl: TypeUrl;
  readonly name: string;
  readonly version: string;
  readonly bytes: Uint8Array;
}

/**
 * Encodes a resource. Equal meaning gives equal bytes, whatever the order of keys. @throws
 * EncodeError, which names the resource and the path, for anything that the schema does not know.
 */
export function encodeResource(resource: EnvoyResource): EncodedResource {
  const bytes = encodeAs(
    typeNameOf(resource.typeUrl),
    resource.json,
    `${shortName(resource.typeUrl)} ${resource.name}`,
  );
  const version = createHash('sha256').update(bytes).digest('hex').slice(0, 16);
  return { typeUrl: resource.typeUrl, name: resource.name, version, bytes };
}

/**
 * Encodes any message of the schema from its JSON form. @throws EncodeError as `encodeResource`
 * does.
 */
export function encodeMessage(typeName: string, json: JsonObject): Uint8Array {
  return encodeAs(typeName, json, typeName);
}

/**
 * Decodes a message to its JSON form with snake_case names; an Any is expanded when the schema
 * knows its type. @throws EncodeError with the code InvalidBytes.
 */
export function decodeMessage(typeName: string, bytes: Uint8Array): JsonObject {
  const type = messageOf(typeName);
  try {
    return writeMessage(type, type.decode(bytes)) as JsonObject;
  } catch (cause) {
    throw new EncodeError(
      'InvalidBytes',
      '',
      `${typeName}: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
}

function encodeAs(typeName: string, json: JsonObject, subject: string): Uint8Array {
  const type = messageOf(typeName);
  try {
    return encodeJson(type, json);
  } catch (error) {
    if (error instanceof EncodeError)
      throw new EncodeError(error.code, error.path, `${subject}: ${error.message}`, { cause: error });
    throw error;
  }
}

function messageOf(typeName: string): protobuf.Type {
  const type = findMessage(typeName);
  if (type === undefined) throw new EncodeError('UnknownType', '', `${typeName} is not in the schema`);
  return type;
}

function shortName(typeUrl: string): string {
  return typeUrl.slice(typeUrl.lastIndexOf('.') + 1);
}
