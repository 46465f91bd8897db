// What a document was about that could not be read: which objects it names, and so what stands in for them. A policy that was written is
// not open because of a slip beside it.

import type { ObjectRef } from '../object.ts';
import { defaultNamespace } from '../labels.ts';
import { isKind, kindDefinitions } from './kinds.ts';
import { findMeshConfig, isMeshConfigFile, meshConfigMap, meshConfigRef } from './mesh-config.ts';
import { closedMesh, isClosingKind, policyKindOf, standInFor } from './stand-in.ts';
import type { StandIn } from './stand-in.ts';
import { isRecord } from './structure.ts';
import type { DamagedDocument } from './text.ts';

type Fields = Readonly<Record<string, unknown>>;

/** What stands in for the objects of a document; [] where it holds none that matters, or nothing of it can be recognised. */
export function salvage(file: string, { text, readings, isWhole }: DamagedDocument): readonly StandIn[] {
  const objects = readings.flatMap(objectsIn);
  if (isMeshConfig(file, objects)) return [{ ref: meshConfigRef, object: closedMesh }];
  const words = wordsOf(text);
  const isComplete =
    isWhole || (!endsInTargets(text) && readings.some((each) => countKinds(each) >= words.kinds.length));
  const found = objects.flatMap((object) => standInsFor(object, words, isComplete));
  // Where no policy came out of the parser although the text speaks of one, something else swallowed it.
  const kinds = [...new Set(words.kinds.flatMap((word) => policyKindOf(word) ?? []))];
  const missed = kinds.filter((kind) => !objects.some((object) => policyKindOf(textOf(object['kind'])) === kind));
  const swallowed = missed.flatMap((kind) =>
    namespacesOf(words).flatMap((namespace) => stand({ kind, namespace, name: '' }, {}, false)),
  );
  return mergeTargets([...found, ...swallowed]);
}

function isMeshConfig(file: string, objects: readonly Fields[]): boolean {
  if (objects.length === 0) return isMeshConfigFile(file);
  return objects.some(({ kind, metadata, ...rest }) => {
    const isConfigMap = kind === 'ConfigMap' && isRecord(metadata) && metadata['name'] === meshConfigMap;
    return isConfigMap || findMeshConfig(file, { kind, metadata, ...rest }) !== undefined;
  });
}

/** The objects of a value: itself, the items of a list, or those of a sequence that should have been documents. */
function objectsIn(value: unknown): readonly Fields[] {
  if (Array.isArray(value)) return value.flatMap(objectsIn);
  if (!isRecord(value)) return [];
  return Array.isArray(value['items']) ? value['items'].flatMap(objectsIn) : [value];
}

function standInsFor(object: Fields, words: Words, isComplete: boolean): readonly StandIn[] {
  const word = textOf(object['kind']);
  const kind = policyKindOf(word) ?? word;
  if (!isClosingKind(kind)) return [];
  const metadata = isRecord(object['metadata']) ? object['metadata'] : {};
  const parsed = nameOf(metadata['name']) ?? '';
  // The parser may have cut it off.
  const name = words.names.has(parsed) ? parsed : '';
  const namespace = nameOf(metadata['namespace']);
  const isNamespaced = !isKind(kind) || kindDefinitions[kind].isNamespaced;
  const namespaces = !isNamespaced ? [''] : namespace === undefined ? namespacesOf(words) : [namespace];
  return namespaces.flatMap((each) => stand({ kind, namespace: each, name }, object, isComplete));
}

function stand(ref: ObjectRef, fields: Fields, isComplete: boolean): readonly StandIn[] {
  const object = standInFor(ref, fields, isComplete);
  return object === undefined ? [] : [{ ref, object }];
}

/** Of several readings of one policy all targets count. */
function mergeTargets(standIns: readonly StandIn[]): readonly StandIn[] {
  const merged = new Map<string, StandIn>();
  for (const { ref, object } of standIns) {
    const key = JSON.stringify(ref);
    const before = merged.get(key)?.object;
    if (before?.kind === 'AuthorizationPolicy' && object.kind === 'AuthorizationPolicy') {
      const targetRefs = [...(before.spec.targetRefs ?? []), ...(object.spec.targetRefs ?? [])];
      merged.set(key, { ref, object: { ...object, spec: { ...object.spec, targetRefs: distinct(targetRefs) } } });
    } else if (before?.kind === 'BackendTLSPolicy' && object.kind === 'BackendTLSPolicy') {
      const targetRefs = [...before.spec.targetRefs, ...object.spec.targetRefs];
      merged.set(key, { ref, object: { ...object, spec: { ...object.spec, targetRefs: distinct(targetRefs) } } });
    } else if (before === undefined) merged.set(key, { ref, object });
  }
  return [...merged.values()];
}

function distinct<T>(values: readonly T[]): readonly T[] {
  return [...new Map(values.map((value) => [JSON.stringify(value), value])).values()];
}

interface Words {
  /** The value of every key `kind` of a text, in order. */
  readonly kinds: readonly string[];
  readonly namespaces: readonly string[];
  readonly names: ReadonlySet<string>;
}

/** What a text says whatever its structure is. */
function wordsOf(text: string): Words {
  const kinds: string[] = [];
  const namespaces = new Set<string>();
  const names = new Set<string>();
  const uncommented = text.replaceAll(/^[^\S\n]*#.*$/gm, '');
  for (const [, key, value = ''] of uncommented.matchAll(
    /\b(kind|namespace|name)["']?[^\S\n]*:[^\S\n]*["']?([\w.-]*)/g,
  )) {
    if (key === 'kind') kinds.push(value);
    else if (key === 'name') names.add(value);
    else if (value !== '') namespaces.add(value);
  }
  return { kinds, namespaces: [...namespaces], names };
}

function namespacesOf({ namespaces }: Words): readonly string[] {
  return namespaces.length === 0 ? [defaultNamespace] : namespaces;
}

/** Whether the last thing that a text says is a target, so that there may have been others behind it. */
function endsInTargets(text: string): boolean {
  const last = /.*\btargetRefs?["']?[^\S\n]*:(.*)$/s.exec(text)?.[1];
  if (last === undefined) return false;
  const keys = [...last.matchAll(/\b([A-Za-z]\w*)["']?[^\S\n]*:/g)].map(([, key = '']) => key);
  return keys.every((key) => ['group', 'kind', 'name', 'namespace', 'sectionName'].includes(key));
}

function countKinds(value: unknown): number {
  if (Array.isArray(value)) return value.reduce<number>((sum, item) => sum + countKinds(item), 0);
  if (!isRecord(value)) return 0;
  const own = typeof value['kind'] === 'string' ? 1 : 0;
  return Object.values(value).reduce<number>((sum, field) => sum + countKinds(field), own);
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** A name as Kubernetes has them; anything else is what the parser made of broken text. */
function nameOf(value: unknown): string | undefined {
  const text = typeof value === 'number' ? String(value) : value;
  return typeof text === 'string' && /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(text) ? text : undefined;
}
