// Recovers the subject of a document that could not be read: the objects that it names, and so
// their stand-ins. A policy that was written is not open because of a mistake beside it.

import type { ObjectRef } from '../metadata.ts';
import { defaultNamespace } from '../labels.ts';
import { definitionOf, isKind } from '../kinds/table.ts';
import { findMeshConfig, isMeshConfigFile, meshConfigMap, meshConfigRef } from './mesh-config.ts';
import { closedMesh, policyKindOf, standInFor } from './stand-in.ts';
import type { StandIn } from './stand-in.ts';
import { isRecord } from '../fields.ts';
import type { DamagedDocument } from './text.ts';

type Fields = Readonly<Record<string, unknown>>;

/**
 * The stand-ins for the objects of a document; [] if it holds none that matters, or nothing of it
 * can be recognized.
 */
export function salvage(file: string, { text, readings, isWhole }: DamagedDocument): readonly StandIn[] {
  const objects = readings.flatMap(objectsIn);
  if (isMeshConfig(file, objects)) return [{ ref: meshConfigRef, object: closedMesh }];
  const words = wordsOf(text);
  const isComplete =
    isWhole || (!endsInTargets(text) && readings.some((each) => countKinds(each) >= words.kinds.length));
  const seesTls =
    isWhole || words.tls === 0 || (!endsInExports(text) && readings.some((each) => countTls(each) >= words.tls));
  const found = objects.flatMap((object) => standInsFor(object, words, { isComplete, seesTls }));
  // If no policy came out of the parser although the text mentions one, something else swallowed
  // it.
  const kinds = [...new Set(words.kinds.flatMap((word) => policyKindOf(word) ?? []))];
  const missed = kinds.filter((kind) => !objects.some((object) => policyKindOf(textOf(object['kind'])) === kind));
  const swallowed = missed.flatMap((kind) =>
    standInsFor({ kind }, words, { isComplete: false, seesTls: words.tls === 0 }),
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

/**
 * The objects of a value: itself, the items of a list, or those of a sequence that should have been
 * documents.
 */
function objectsIn(value: unknown): readonly Fields[] {
  if (Array.isArray(value)) return value.flatMap(objectsIn);
  if (!isRecord(value)) return [];
  return Array.isArray(value['items']) ? value['items'].flatMap(objectsIn) : [value];
}

/** The recovered facts: every target, and everything about TLS. */
interface Seen {
  readonly isComplete: boolean;
  readonly seesTls: boolean;
}

function standInsFor(object: Fields, words: Words, { isComplete, seesTls }: Seen): readonly StandIn[] {
  const word = textOf(object['kind']);
  const kind = policyKindOf(word) ?? word;
  const metadata = isRecord(object['metadata']) ? object['metadata'] : {};
  const parsed = nameOf(metadata['name']) ?? '';
  // The parser may have cut it off.
  const name = words.names.has(parsed) ? parsed : '';
  const namespace = nameOf(metadata['namespace']);
  const isNamespaced = !isKind(kind) || definitionOf(kind).isNamespaced;
  const namespaces = !isNamespaced ? [''] : namespace === undefined ? namespacesOf(words) : [namespace];
  const isRule = kind === 'DestinationRule';
  const readings = isRule ? rulesOf(object, words) : [object];
  return namespaces.flatMap((each) =>
    readings.flatMap((reading) => stand({ kind, namespace: each, name }, reading, isRule ? seesTls : isComplete)),
  );
}

/** A text with more hosts than these is about every host. */
const maxHosts = 100;

/**
 * A rule for each host that it may be about: the parser may have cut off, or swallowed, the written
 * one.
 */
function rulesOf(object: Fields, { hosts }: Words): readonly Fields[] {
  const spec = isRecord(object['spec']) ? object['spec'] : {};
  if (hosts.length === 0 || hosts.includes(textOf(spec['host']))) return [object];
  const all = hosts.length > maxHosts ? ['*'] : hosts;
  return all.map((host) => ({ ...object, spec: [{ ...spec, host }, object['spec']] }));
}

function stand(ref: ObjectRef, fields: Fields, isComplete: boolean): readonly StandIn[] {
  const object = standInFor(ref, fields, isComplete);
  return object === undefined ? [] : [{ ref, object }];
}

/** Of several readings of one policy all targets count, and of one rule all hosts. */
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
    else if (object.kind === 'DestinationRule') {
      const other = JSON.stringify([ref, object.spec]);
      const name = `${object.metadata.name}/${merged.size}`;
      const isSame = before.kind === object.kind && JSON.stringify(before.spec) === JSON.stringify(object.spec);
      if (isSame || merged.has(other)) continue;
      merged.set(other, { ref, object: { ...object, metadata: { ...object.metadata, name } } });
    }
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
  readonly hosts: readonly string[];
  /** The number of mentions of TLS. */
  readonly tls: number;
}

/** The words of a text, whatever its structure is. */
function wordsOf(text: string): Words {
  const kinds: string[] = [];
  const namespaces = new Set<string>();
  const names = new Set<string>();
  const hosts = new Set<string>();
  let tls = 0;
  const uncommented = text.replaceAll(/^[^\S\n]*#.*$/gm, '');
  for (const [, key, value = ''] of uncommented.matchAll(
    /\b(kind|namespace|name|host|tls)["']?[^\S\n]*:[^\S\n]*["']?([\w.*-]*)/g,
  )) {
    if (key === 'kind') kinds.push(value);
    else if (key === 'name') names.add(value);
    else if (key === 'tls') tls += 1;
    else if (key === 'host' && value !== '') hosts.add(value);
    else if (value !== '') namespaces.add(value);
  }
  return { kinds, namespaces: [...namespaces], names, hosts: [...hosts], tls };
}

function namespacesOf({ namespaces }: Words): readonly string[] {
  return namespaces.length === 0 ? [defaultNamespace] : namespaces;
}

/** Whether the last part of a text is a target, so that others may have followed. */
function endsInTargets(text: string): boolean {
  return keysBehind(text, /\btargetRefs?["']?[^\S\n]*:/g)?.every((key) => targetKeys.has(key)) === true;
}

const targetKeys: ReadonlySet<string> = new Set(['group', 'kind', 'name', 'namespace', 'sectionName']);

/** Whether the last part of a text is the `exportTo` of a rule. */
function endsInExports(text: string): boolean {
  return keysBehind(text, /\bexportTo["']?[^\S\n]*:/g)?.length === 0;
}

/** The keys behind the last match in a text; undefined if there is none. */
function keysBehind(text: string, pattern: RegExp): readonly string[] | undefined {
  const last = [...text.matchAll(pattern)].at(-1);
  if (last === undefined) return undefined;
  return [...text.slice(last.index + last[0].length).matchAll(/\b([A-Za-z]\w*)["']?[^\S\n]*:/g)].map(
    ([, key = '']) => key,
  );
}

function countKinds(value: unknown): number {
  return countRecords(value, ({ kind }) => typeof kind === 'string');
}

function countTls(value: unknown): number {
  return countRecords(value, (fields) => 'tls' in fields);
}

function countRecords(value: unknown, counts: (fields: Fields) => boolean): number {
  if (Array.isArray(value)) return value.reduce<number>((sum, item) => sum + countRecords(item, counts), 0);
  if (!isRecord(value)) return 0;
  return Object.values(value).reduce<number>((sum, field) => sum + countRecords(field, counts), counts(value) ? 1 : 0);
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** A name that Kubernetes allows; anything else is a by-product of parsing broken text. */
function nameOf(value: unknown): string | undefined {
  const text = typeof value === 'number' ? String(value) : value;
  return typeof text === 'string' && /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(text) ? text : undefined;
}
