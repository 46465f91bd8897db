// Kubernetes' strategic merge of a partial object onto a whole one. Maps merge, lists of named
// things merge by their key, other lists are replaced, and null removes. It follows the patch tags
// of the API's Go types, for the kinds that are deployed.

type Json = unknown;
type JsonMap = Readonly<Record<string, Json>>;

/** A patch that cannot be applied; `path` leads to the place in the patch. */
export class MergeError extends Error {
  readonly code = 'MergeInvalid';
  readonly path: readonly (string | number)[];

  constructor(path: readonly (string | number)[], message: string) {
    super(message);
    this.name = 'MergeError';
    this.path = path;
  }
}

/**
 * The keys that identify elements of a list, by the name of the list's field; the first that an
 * element has counts.
 */
const mergeKeys: ReadonlyMap<string, readonly string[]> = new Map([
  ['containers', ['name']],
  ['initContainers', ['name']],
  ['env', ['name']],
  ['ports', ['containerPort', 'port']],
  ['volumeMounts', ['mountPath']],
  ['volumeDevices', ['devicePath']],
  ['volumes', ['name']],
  ['imagePullSecrets', ['name']],
  ['secrets', ['name']],
  ['hostAliases', ['ip']],
  ['topologySpreadConstraints', ['topologyKey']],
  ['resourceClaims', ['name']],
]);

const directive = '$patch';

/** The base with the patch applied; neither is changed. Throws MergeError. */
export function mergeStrategic(base: JsonMap, patch: JsonMap): JsonMap {
  return mergeMaps(base, patch, []);
}

function mergeMaps(base: JsonMap, patch: JsonMap, path: readonly (string | number)[]): JsonMap {
  if (patch[directive] === 'replace') return strip(patch, path);
  const merged: Record<string, Json> = { ...base };
  for (const [key, value] of Object.entries(patch)) {
    if (key === directive && value === 'merge') continue;
    if (key.startsWith('$')) throw new MergeError([...path, key], `the directive ${key} is not supported here`);
    const existing = merged[key];
    if (value === null) delete merged[key];
    else if (isMap(value)) merged[key] = mergeMaps(isMap(existing) ? existing : {}, value, [...path, key]);
    else if (Array.isArray(value)) merged[key] = mergeLists(key, Array.isArray(existing) ? existing : [], value, path);
    else merged[key] = value;
  }
  return merged;
}

function mergeLists(
  field: string,
  base: readonly Json[],
  patch: readonly Json[],
  parent: readonly (string | number)[],
): readonly Json[] {
  const path = [...parent, field];
  const keys = mergeKeys.get(field);
  // The same field name can also hold plain values, as in a NetworkPolicy or a list of arguments.
  if (keys === undefined || !patch.every(isMap)) return patch.map((item, index) => clean(item, [...path, index]));
  if (patch.some((item) => isOnlyReplace(item))) {
    return patch.flatMap((item, index) => (isOnlyReplace(item) ? [] : [clean(item, [...path, index])]));
  }
  let merged: readonly Json[] = base;
  patch.forEach((item, index) => {
    const at = [...path, index];
    const key = keys.find((name) => item[name] !== undefined);
    if (key === undefined) throw new MergeError(at, `an element of ${field} needs ${keys.join(' or ')}`);
    const isSame = (other: Json): boolean => isMap(other) && other[key] === item[key];
    if (item[directive] === 'delete') merged = merged.filter((other) => !isSame(other));
    else if (merged.some(isSame)) {
      merged = merged.map((other) => (isMap(other) && isSame(other) ? mergeMaps(other, item, at) : other));
    } else merged = [...merged, mergeMaps({}, item, at)];
  });
  return merged;
}

/** A value without directives and nulls, as it is if there is nothing to merge it with. */
function clean(value: Json, path: readonly (string | number)[]): Json {
  if (isMap(value)) return mergeMaps({}, value, path);
  return Array.isArray(value) ? value.map((item, index) => clean(item, [...path, index])) : value;
}

function strip(patch: JsonMap, path: readonly (string | number)[]): JsonMap {
  return mergeMaps({}, Object.fromEntries(Object.entries(patch).filter(([key]) => key !== directive)), path);
}

function isOnlyReplace(item: JsonMap): boolean {
  return item[directive] === 'replace' && Object.keys(item).length === 1;
}

function isMap(value: Json): value is JsonMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
