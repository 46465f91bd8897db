// The Envoy schema in memory. Descriptors are parsed at first use, and a message is loaded with its
// references when it is first asked for: loading all of them would cost a short command more than
// its work does.

import { createRequire } from 'node:module';
import type * as protobuf from 'protobufjs';
import { schemaText } from './generated/schema.ts';

type Descriptor = protobuf.IType | protobuf.IEnum;

type Library = typeof protobuf;

const require = createRequire(import.meta.url);

/**
 * The library, loaded at first use for the same reason, with the root that holds what is loaded.
 */
let schema: { readonly library: Library; readonly root: protobuf.Root } | undefined;
let descriptors: { readonly [name: string]: Descriptor } | undefined;
const loaded = new Set<string>();
const messages = new Map<string, protobuf.Type | undefined>();

function openSchema(): NonNullable<typeof schema> {
  if (schema !== undefined) return schema;
  const library = require('protobufjs/light.js') as Library;
  schema = { library, root: new library.Root() };
  return schema;
}

/**
 * The message with this full proto name (no leading dot), or undefined when the schema has none.
 */
export function findMessage(name: string): protobuf.Type | undefined {
  if (messages.has(name)) return messages.get(name);
  descriptors ??= JSON.parse(schemaText) as { readonly [name: string]: Descriptor };
  load(name, descriptors);
  const { library, root } = openSchema();
  root.resolveAll();
  const found = root.lookup(`.${name}`);
  const message = found instanceof library.Type ? found : undefined;
  messages.set(name, message);
  return message;
}

// An outer message comes before its inner ones, so that each finds its place.
function load(name: string, from: { readonly [name: string]: Descriptor }): void {
  const descriptor = Object.hasOwn(from, name) ? from[name] : undefined;
  if (descriptor === undefined || loaded.has(name)) return;
  loaded.add(name);
  const path = name.split('.');
  const simpleName = path.pop() ?? name;
  const outer = path.join('.');
  load(outer, from);
  const { library, root } = openSchema();
  const parent = (root.lookup(`.${outer}`) ?? root.define(path)) as protobuf.Namespace;
  if ('values' in descriptor) {
    parent.add(library.Enum.fromJSON(simpleName, descriptor));
    return;
  }
  parent.add(library.Type.fromJSON(simpleName, descriptor));
  for (const { type } of Object.values(descriptor.fields)) if (type.startsWith('.')) load(type.slice(1), from);
}

/** The encoder's facts about one field, looked up once for each message type. */
export interface FieldShape {
  readonly name: string;
  /** The field's number. */
  readonly id: number;
  readonly kind: 'singular' | 'repeated' | 'map';
  /** The proto type of a scalar (`uint32`, `string`), or of the values of a map of scalars. */
  readonly scalar: string;
  /** The proto type of a map's keys; '' for other fields. */
  readonly mapKey: string;
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
  const { library } = openSchema();
  const resolved = field.resolve().resolvedType;
  const message = resolved instanceof library.Type ? resolved : undefined;
  const oneof = field.partOf ?? undefined;
  return {
    name: field.name,
    id: field.id,
    kind: field.map ? 'map' : field.repeated ? 'repeated' : 'singular',
    scalar: field.type,
    mapKey: 'keyType' in field && typeof field.keyType === 'string' ? field.keyType : '',
    message,
    enumeration: resolved instanceof library.Enum ? resolved : undefined,
    oneof: oneof?.name,
    hasPresence: message !== undefined || oneof !== undefined,
  };
}

const names = new WeakMap<protobuf.Type, string>();

/** The full proto name of a message without protobufjs' leading dot. */
export function messageName(type: protobuf.Type): string {
  const known = names.get(type);
  if (known !== undefined) return known;
  const name = type.fullName.slice(1);
  names.set(type, name);
  return name;
}
