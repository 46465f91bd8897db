// Rewrites `mesh/kinds/*/schema.json` from the CustomResourceDefinitions of Istio and of the
// Gateway API: structure only, without prose and without expressions, with what repeats written
// once. For maintainers, when a new version of an API is taken in. A new kind is taken in once its
// folder has a `schema.json`, which may hold `{}`:
//
//   node tools/update-mesh-schemas.mjs <istio.io/api>/kubernetes/customresourcedefinitions.gen.yaml \
//     <sigs.k8s.io/gateway-api>/config/crd/standard/gateway.networking.k8s.io_{gateways,gatewayclasses,backendtlspolicies,referencegrants,tcproutes,tlsroutes}.yaml \
//     <sigs.k8s.io/gateway-api>/config/crd/experimental/gateway.networking.k8s.io_{http,grpc}routes.yaml \
//     <sigs.k8s.io/gateway-api>/config/crd/experimental/gateway.networking.x-k8s.io_xbackendtrafficpolicies.yaml
//
// Routes of requests are taken from the experimental channel: it holds all of the standard one, and
// fields that a cluster may serve beyond that are then reported by name, and do not reject the
// route.
//
// The files of Service, Namespace and the metadata are written by hand: Kubernetes has no
// definitions of them in this form.

import { readFileSync, writeFileSync } from 'node:fs';
import { format } from 'prettier';
import { parseAllDocuments } from 'yaml';
import { listSchemas } from './generate/kind-folders.mjs';

const files = new Map(listSchemas().map(({ kind, file }) => [kind, file]));
/** Istio has a Gateway, too, which is not the one that is read. */
const isOther = ({ group, names }) => names.kind === 'Gateway' && group !== 'gateway.networking.k8s.io';
const integerRanges = { int32: [-2147483648, 2147483647] };
const kept = [
  'type',
  'enum',
  'required',
  'minimum',
  'maximum',
  'minItems',
  'maxItems',
  'minLength',
  'maxLength',
  'pattern',
];
/**
 * Fields of an older version of the API, which clusters still serve and the current definitions
 * have no more, by the object that they stand in.
 */
const former = {
  sessionPersistence: {
    cookieConfig: {
      type: 'object',
      properties: { lifetimeType: { type: 'string', enum: ['Permanent', 'Session'] } },
    },
    sessionName: { type: 'string', maxLength: 128 },
  },
};
/**
 * Old spellings that every version of the API still lists; the current one is what people should be
 * pointed to.
 */
const dropped = new Set(['mirror_percent']);

for (const file of process.argv.slice(2)) {
  for (const document of parseAllDocuments(readFileSync(file, 'utf8'))) {
    const definition = document.toJS();
    if (definition?.kind !== 'CustomResourceDefinition') continue;
    const { names, versions } = definition.spec;
    const target = files.get(names.kind);
    if (target === undefined || isOther(definition.spec)) continue;
    const specs = versions
      .filter(({ served }) => served)
      .map((version) => JSON.stringify(prune(version.schema.openAPIV3Schema.properties.spec)));
    if (new Set(specs).size !== 1)
      throw new Error(`${names.kind}: the versions of the API differ; they need a schema each`);
    const schema = shareRepeats(JSON.parse(specs[0]));
    writeFileSync(target, await format(JSON.stringify(schema), { parser: 'json', printWidth: 120 }));
  }
}

function prune(schema) {
  const result = {};
  for (const key of kept) if (schema[key] !== undefined) result[key] = schema[key];
  if (schema['x-kubernetes-int-or-string']) result.type = ['integer', 'string'];
  if (schema.type === 'integer' && integerRanges[schema.format]) {
    result.minimum ??= integerRanges[schema.format][0];
    result.maximum ??= integerRanges[schema.format][1];
  }
  if (schema.properties) {
    const entries = Object.entries(schema.properties).filter(([key]) => !dropped.has(key));
    result.properties = Object.fromEntries(
      entries.map(([key, value]) => [
        key,
        prune(former[key] === undefined ? value : { ...value, properties: { ...value.properties, ...former[key] } }),
      ]),
    );
  }
  if (schema.items) result.items = prune(schema.items);
  if (typeof schema.additionalProperties === 'object') result.additionalProperties = prune(schema.additionalProperties);
  const choices = [schema.oneOf, ...(schema.allOf ?? []).map((part) => part.oneOf)].map(namesOfChoice).filter(Boolean);
  if (choices.length > 0) result['x-at-most-one'] = choices;
  const listType = schema['x-kubernetes-list-type'];
  if (listType === 'map') result['x-unique-by'] = schema['x-kubernetes-list-map-keys'];
  if (listType === 'set') result['x-unique-by'] = [];
  return result;
}

/**
 * The CRDs say "at most one of a and b" as `oneOf: [{not: {anyOf: [...]}}, {required: [a]},
 * {required: [b]}]`.
 */
function namesOfChoice(oneOf) {
  const names = (oneOf ?? []).flatMap((branch) => branch.required ?? []);
  return names.length > 1 ? names : undefined;
}

function shareRepeats(schema) {
  const counts = new Map();
  visit(schema, (part) => {
    const text = JSON.stringify(part);
    if (text.length > 120) counts.set(text, (counts.get(text) ?? 0) + 1);
  });
  const names = new Map();
  const definitions = {};
  const replace = (part, name) => {
    const text = JSON.stringify(part);
    if (!(counts.get(text) > 1)) return mapParts(part, replace);
    let known = names.get(text);
    if (known === undefined) {
      known = name;
      for (let n = 2; Object.hasOwn(definitions, known); n += 1) known = `${name}${n}`;
      names.set(text, known);
      definitions[known] = {};
      definitions[known] = mapParts(part, replace);
    }
    return { $ref: `#/$defs/${known}` };
  };
  const shared = mapParts(schema, replace);
  return Object.keys(definitions).length > 0 ? { ...shared, $defs: definitions } : shared;
}

function mapParts(schema, map) {
  const result = { ...schema };
  if (schema.properties) {
    result.properties = Object.fromEntries(
      Object.entries(schema.properties).map(([key, part]) => [key, map(part, key)]),
    );
  }
  if (schema.items) result.items = map(schema.items, 'item');
  if (schema.additionalProperties) result.additionalProperties = map(schema.additionalProperties, 'value');
  return result;
}

function visit(schema, see) {
  see(schema);
  mapParts(schema, (part) => {
    visit(part, see);
    return part;
  });
}
