// Makes envoy-api/generated/ from the proto files in @grpc/grpc-js-xds: the schema that encodes
// messages, the validation rules, and TypeScript types. Fields that are newer than those files come
// from envoy-api/additions.json.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import protobuf from 'protobufjs';
import { readConstraints } from './envoy-constraints.mjs';
import { envoyRoots } from './envoy-roots.mjs';
import { formatMessageTypes } from './envoy-messages.mjs';
import { hashInputs, isCurrent, repository, writeOutputs } from './stamp.mjs';

const outputDirectory = join(repository, 'envoy-api/generated');
const additionsFile = join(repository, 'envoy-api/additions.json');
const sources = ['envoy-schema', 'envoy-roots', 'envoy-constraints', 'envoy-messages', 'stamp'];
const deps = join(repository, 'node_modules/@grpc/grpc-js-xds/deps');
const protoDirectories = [
  ...['envoy-api', 'xds', 'googleapis', 'protoc-gen-validate'].map((name) => join(deps, name)),
  join(repository, 'node_modules/protobufjs'),
];

/** Packages that only annotate other protos; no message refers to them. */
const annotationPackages = ['validate', 'udpa.annotations', 'xds.annotations', 'envoy.annotations'];

/**
 * Writes schema.ts, constraints.ts and messages.ts. Returns a description, or undefined when they
 * are up to date.
 */
export async function generateEnvoySchema() {
  const inputs = [...sources.map((name) => join(repository, `tools/generate/${name}.mjs`)), additionsFile];
  const stamp = hashInputs(inputs, ['protobufjs', '@grpc/grpc-js-xds']);
  if (isCurrent(outputDirectory, stamp, ['schema.ts', 'constraints.ts', 'messages.ts'])) return undefined;

  const { root, files } = await loadProtos();
  const additions = JSON.parse(readFileSync(additionsFile, 'utf8'));
  addAdditions(root, additions);
  const { messages, enums } = listTypes(root);
  for (const message of messages) for (const field of message.fieldsArray) field.resolve();
  writeOutputs(outputDirectory, stamp, {
    'schema.ts': formatJsonModule('schemaText', describeSchema(messages, enums), 'protobufjs descriptors by full name'),
    'constraints.ts': formatJsonModule(
      'constraintsText',
      readConstraints(messages, additions.rules),
      'Validation rules by message',
    ),
    'messages.ts': formatMessageTypes(messages, enums),
  });
  return `envoy schema (${files} files, ${messages.length} messages)`;
}

async function loadProtos() {
  const root = new protobuf.Root();
  const files = new Set();
  root.resolvePath = (_origin, target) => {
    if (protobuf.common.get(target)) return target;
    const found = protoDirectories.map((directory) => join(directory, target)).find((file) => existsSync(file));
    if (found === undefined) throw new Error(`generate: no proto file ${target}`);
    files.add(found);
    return found;
  };
  await root.load(envoyRoots, { keepCase: true });
  return { root, files: files.size };
}

/**
 * Puts the contents of additions.json into the root: fields into messages that exist, new messages
 * and enums whole, outer ones first.
 */
function addAdditions(root, { messages, enums }) {
  for (const { name, fields } of messages) {
    const target = root.lookup(`.${name}`) ?? defineMessage(root, name);
    for (const lines of Object.values(fields)) {
      const source = `syntax = "proto3"; message Added { ${lines.join(' ')} }`;
      const added = protobuf.parse(source, new protobuf.Root(), { keepCase: true }).root.lookupType('Added');
      for (const field of added.fieldsArray) addField(target, added, field);
    }
  }
  for (const { name, values } of enums) {
    const existing = root.lookup(`.${name}`);
    if (existing === null) defineAt(root, name).add(new protobuf.Enum(name.split('.').at(-1), values));
    else for (const [value, id] of Object.entries(values)) existing.add(value, id);
  }
}

function defineMessage(root, name) {
  const message = new protobuf.Type(name.split('.').at(-1));
  defineAt(root, name).add(message);
  return message;
}

// A field that is there already has changed its type since those proto files.
function addField(target, parsed, field) {
  if (target.fields[field.name] !== undefined) target.remove(target.fields[field.name]);
  const oneof = field.partOf?.name;
  parsed.remove(field);
  if (oneof !== undefined) {
    if (target.oneofs?.[oneof] === undefined) target.add(new protobuf.OneOf(oneof, [], parsed.oneofs[oneof].options));
    target.oneofs[oneof].add(field);
  } else {
    target.add(field);
  }
}

/** The namespace or message that will hold `name`, made when it is not there. */
function defineAt(root, name) {
  const path = name.split('.').slice(0, -1);
  return root.lookup(`.${path.join('.')}`) ?? root.define(path);
}

function listTypes(root) {
  const messages = [];
  const enums = [];
  const visit = (namespace) => {
    for (const object of namespace.nestedArray) {
      const name = object.fullName.slice(1);
      if (annotationPackages.includes(name)) continue;
      if (object.filename?.endsWith('google/protobuf/descriptor.proto')) continue;
      if (object instanceof protobuf.Type) messages.push(object);
      if (object instanceof protobuf.Enum) enums.push(object);
      if (object instanceof protobuf.Namespace) visit(object);
    }
  };
  visit(root);
  const byName = (one, other) => (one.fullName < other.fullName ? -1 : 1);
  return { messages: messages.sort(byName), enums: enums.sort(byName) };
}

/**
 * protobufjs descriptors by full name: no options, no services, absolute type names, so that each
 * can be loaded alone.
 */
function describeSchema(messages, enums) {
  const schema = {};
  for (const message of messages) {
    const oneofs = message.oneofsArray.filter((oneof) => !oneof.isProto3Optional);
    schema[message.fullName.slice(1)] = {
      fields: Object.fromEntries(message.fieldsArray.map((field) => [field.name, describeField(field)])),
      ...(oneofs.length > 0
        ? { oneofs: Object.fromEntries(oneofs.map((oneof) => [oneof.name, { oneof: [...oneof.oneof] }])) }
        : {}),
    };
  }
  for (const enumeration of enums) schema[enumeration.fullName.slice(1)] = { values: { ...enumeration.values } };
  return schema;
}

function describeField(field) {
  return {
    ...(field.map ? { keyType: field.keyType } : {}),
    ...(field.repeated ? { rule: 'repeated' } : {}),
    type: field.resolvedType === null ? field.type : field.resolvedType.fullName,
    id: field.id,
    ...(field.options?.proto3_optional === true ? { options: { proto3_optional: true } } : {}),
  };
}

function formatJsonModule(name, value, about) {
  const text = JSON.stringify(value).replaceAll('\\', '\\\\').replaceAll("'", "\\'");
  return `// Generated by tools/generate.mjs. ${about}, as JSON text: parsing text is quicker than loading an object literal.\nexport const ${name}: string =\n  '${text}';\n`;
}
