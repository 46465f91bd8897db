// The Envoy schema in memory: made from the generated descriptor at first use, then kept for the life of the process.

import protobuf from 'protobufjs/light.js';
import { schemaText } from './generated/schema.ts';

let root: protobuf.Root | undefined;

function schemaRoot(): protobuf.Root {
  root ??= protobuf.Root.fromJSON(JSON.parse(schemaText) as protobuf.INamespace);
  return root;
}

/** The message with this full proto name (no leading dot), or undefined when the schema has none. */
export function findMessage(name: string): protobuf.Type | undefined {
  const found = schemaRoot().lookup(`.${name}`);
  return found instanceof protobuf.Type ? found : undefined;
}

/** What the encoder needs to know of one field, looked up once for each message type. */
export interface FieldShape {
  readonly name: string;
  readonly kind: 'singular' | 'repeated' | 'map';
  /** The proto type of a scalar (`uint32`, `string`), or of the values of a map of scalars. */
  readonly scalar: string;
  readonly message: protobuf.Type | undefined;
  readonly enumeration: protobuf.Enum | undefined;
  /** The oneof that the field belongs to. */
  readonly oneof: string | undefined;
  /** False for plain proto3 scalars and enums, whose default value is not put on the wire. */
  readonly hasPresence: boolean;
}

const shapes = new WeakMap<protobuf.Type, ReadonlyMap<string, FieldShape>>();

/** The fields of a message by their proto names. */
export function fieldShapes(type: protobuf.Type): ReadonlyMap<string, FieldShape> {
  const known = shapes.get(type);
  if (known !== undefined) return known;
  const made = new Map(type.fieldsArray.map((field) => [field.name, describeField(field)]));
  shapes.set(type, made);
  return made;
}

function describeField(field: protobuf.Field): FieldShape {
  const resolved = field.resolve().resolvedType;
  const message = resolved instanceof protobuf.Type ? resolved : undefined;
  const oneof = field.partOf ?? undefined;
  return {
    name: field.name,
    kind: field.map ? 'map' : field.repeated ? 'repeated' : 'singular',
    scalar: field.type,
    message,
    enumeration: resolved instanceof protobuf.Enum ? resolved : undefined,
    oneof: oneof?.name,
    hasPresence: message !== undefined || oneof !== undefined,
  };
}

/** The full proto name of a message without protobufjs' leading dot. */
export function messageName(type: protobuf.Type): string {
  return type.fullName.slice(1);
}
