// The wire form of delta xDS, coded by hand: few fields, many bytes. Resources pass through as the
// bytes that the cache holds. Field numbers: envoy/service/discovery/v3/discovery.proto,
// envoy/config/core/v3/base.proto, google/protobuf/{any,struct}.proto, google/rpc/status.proto.

import protobuf from 'protobufjs/minimal.js';
import type { EncodedResource, Json, JsonObject } from '../envoy-api/index.ts';

/** The proxy's claim about itself. It is not authenticated: decide by the certificate. */
export interface Node {
  readonly id: string;
  readonly cluster: string;
  readonly metadata: JsonObject;
}

/** A DeltaDiscoveryRequest. */
export interface DeltaRequest {
  /** Present at least in the first message of a stream. */
  readonly node?: Node;
  readonly typeUrl: string;
  readonly subscribe: readonly string[];
  readonly unsubscribe: readonly string[];
  /** Name → version of what the client holds from an earlier stream. */
  readonly initialVersions: ReadonlyMap<string, string>;
  /** '' when the request answers no response. */
  readonly nonce: string;
  /** Envoy's message when the request is a NACK. */
  readonly error?: string;
}

/** A DeltaDiscoveryResponse. */
export interface DeltaResponse {
  readonly typeUrl: string;
  readonly nonce: string;
  readonly resources: readonly EncodedResource[];
  readonly removed: readonly string[];
}

type Reader = protobuf.Reader;

/** Encodes a response; the bytes of each resource are copied once. */
export function encodeDeltaResponse(response: DeltaResponse): Uint8Array {
  const writer = protobuf.Writer.create();
  for (const { name, version, typeUrl, bytes } of response.resources) {
    writer.uint32(tag(2, 2)).fork();
    writer.uint32(tag(1, 2)).string(version);
    writer.uint32(tag(2, 2)).fork();
    writer.uint32(tag(1, 2)).string(typeUrl);
    writer.uint32(tag(2, 2)).bytes(bytes);
    writer.ldelim();
    writer.uint32(tag(3, 2)).string(name);
    writer.ldelim();
  }
  writer.uint32(tag(4, 2)).string(response.typeUrl);
  writer.uint32(tag(5, 2)).string(response.nonce);
  for (const name of response.removed) writer.uint32(tag(6, 2)).string(name);
  return writer.finish();
}

/** Decodes a request; unknown fields are skipped. Throws on malformed bytes. */
export function decodeDeltaRequest(bytes: Uint8Array): DeltaRequest {
  let node: Node | undefined;
  let typeUrl = '';
  let nonce = '';
  let error: string | undefined;
  const subscribe: string[] = [];
  const unsubscribe: string[] = [];
  const initialVersions = new Map<string, string>();
  readFields(protobuf.Reader.create(bytes), bytes.length, {
    1: (reader) => (node = readNode(reader)),
    2: (reader) => (typeUrl = reader.string()),
    3: (reader) => subscribe.push(reader.string()),
    4: (reader) => unsubscribe.push(reader.string()),
    5: (reader) => {
      const [name, version] = readEntry(reader, (value) => value.string());
      initialVersions.set(name, version ?? '');
    },
    6: (reader) => (nonce = reader.string()),
    7: (reader) => (error = readStatusMessage(reader)),
  });
  return {
    ...(node === undefined ? {} : { node }),
    typeUrl,
    subscribe,
    unsubscribe,
    initialVersions,
    nonce,
    ...(error === undefined ? {} : { error }),
  };
}

function readNode(reader: Reader): Node {
  let id = '';
  let cluster = '';
  let metadata: Node['metadata'] = {};
  readMessage(reader, {
    1: () => (id = reader.string()),
    2: () => (cluster = reader.string()),
    3: () => (metadata = readStruct(reader)),
  });
  return { id, cluster, metadata };
}

function readStatusMessage(reader: Reader): string {
  let message = '';
  readMessage(reader, { 2: () => (message = reader.string()) });
  return message;
}

function readStruct(reader: Reader): JsonObject {
  const fields: [string, Json][] = [];
  readMessage(reader, {
    1: () => {
      const [name, value] = readEntry(reader, readValue);
      fields.push([name, value ?? null]);
    },
  });
  // Not by assignment: a key named __proto__ must become a property like any other.
  return Object.fromEntries(fields);
}

function readValue(reader: Reader): Json {
  let value: Json = null;
  readMessage(reader, {
    1: () => reader.int32(),
    2: () => (value = reader.double()),
    3: () => (value = reader.string()),
    4: () => (value = reader.bool()),
    5: () => (value = readStruct(reader)),
    6: () => {
      const items: Json[] = [];
      readMessage(reader, { 1: () => items.push(readValue(reader)) });
      value = items;
    },
  });
  return value;
}

function readEntry<T>(reader: Reader, read: (reader: Reader) => T): [string, T | undefined] {
  let key = '';
  let value: T | undefined;
  readMessage(reader, { 1: () => (key = reader.string()), 2: () => (value = read(reader)) });
  return [key, value];
}

/** Reads a length-delimited message in place. */
function readMessage(reader: Reader, fields: Readonly<Record<number, (reader: Reader) => unknown>>): void {
  const length = reader.uint32();
  readFields(reader, reader.pos + length, fields);
}

function readFields(reader: Reader, end: number, fields: Readonly<Record<number, (reader: Reader) => unknown>>): void {
  if (end > reader.len) throw new RangeError('truncated message');
  while (reader.pos < end) {
    const key = reader.uint32();
    const read = fields[key >>> 3];
    if (read === undefined) reader.skipType(key & 7);
    else read(reader);
  }
}

function tag(field: number, wireType: number): number {
  return (field << 3) | wireType;
}
