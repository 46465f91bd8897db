// Turns one plain value into one object of the mesh: it determines kind and version, checks
// structure and meaning, and makes the normal form.

import { defaultNamespace, securityGroup } from '../labels.ts';
import { definitionOf, isKind, kindNames } from '../kinds/table.ts';
import type { Kind } from '../kinds/table.ts';
import type { ObjectMeta, ObjectRef } from '../metadata.ts';
import type { AnyMeshObject } from '../object.ts';
import { checkCharacters, encodable } from './characters.ts';
import { modernize } from './historical.ts';
import { formatApiVersion, isKubernetesGroup, isMeshGroup, isMeshKind } from './kinds.ts';
import { withoutNulls } from './nulls.ts';
import type { Problem } from './problem.ts';
import { errorAt, warningAt } from './problem.ts';
import { isTime, policyKindOf, standInFor } from './stand-in.ts';
import { isRecord } from '../fields.ts';
import type { Fields } from '../fields.ts';
import { checkStructure } from './structure.ts';
import { suggestName } from './suggestion.ts';
import { podOfTemplate } from './workloads.ts';

/**
 * The result for one value. `object` is absent when the kind is not read or a problem is an error.
 */
export interface ReadObject {
  readonly ref: ObjectRef;
  readonly object?: AnyMeshObject;
  /** The stand-in of an object that cannot be read: it closes what the object was written for. */
  readonly standIn?: AnyMeshObject;
  readonly problems: readonly Problem[];
}

/**
 * Reads one object; `value` is plain data from any source. Namespaced objects without a namespace
 * are in `default`.
 */
export function readObject(value: Fields): ReadObject {
  const kind = textOf(value['kind']);
  const apiVersion = textOf(value['apiVersion']);
  const metadata = isRecord(value['metadata']) ? value['metadata'] : {};
  const ref: ObjectRef = {
    kind,
    namespace:
      isKind(kind) && !definitionOf(kind).isNamespaced ? '' : nameOf(metadata['namespace']) || defaultNamespace,
    name: nameOf(metadata['name']),
  };
  const missing = ['apiVersion', 'kind'].filter((field) => textOf(value[field]) === '');
  if (missing.length > 0) {
    const problems = missing.map((field) =>
      errorAt('MissingField', [field], `The object needs the field \`${field}\`.`),
    );
    return kind === '' ? rejectUnknown(ref, value, problems) : reject(ref, value, problems);
  }
  if (kind === 'PeerAuthentication' && apiVersion.startsWith(`${securityGroup}/`))
    return { ref, problems: [checkPeerAuthentication(value['spec'])] };
  const pods = podOfTemplate(value);
  if (pods !== undefined) return readTemplate(pods, ref);
  const other = checkKind(kind, apiVersion, ref);
  if (other !== undefined) {
    if (!other.problems.some(({ severity }) => severity === 'error')) return other;
    return other.ref.kind === ''
      ? rejectAs('AuthorizationPolicy', other.ref, value, other.problems)
      : reject(other.ref, value, other.problems);
  }
  return isKind(kind) ? readKnown(kind, value, ref) : { ref, problems: [] };
}

function reject(ref: ObjectRef, fields: Fields, problems: readonly Problem[]): ReadObject {
  const standIn = standInFor(ref, fields);
  return { ref, problems, ...(standIn === undefined ? {} : { standIn }) };
}

/**
 * Only policies have targets, whatever their kind was to be, and only DestinationRules have a
 * traffic policy or subsets.
 */
function rejectUnknown(ref: ObjectRef, fields: Fields, problems: readonly Problem[]): ReadObject {
  const spec = isRecord(fields['spec']) ? fields['spec'] : {};
  if ('targetRefs' in spec || 'targetRef' in spec) return rejectAs('AuthorizationPolicy', ref, fields, problems);
  const isRule = 'trafficPolicy' in spec || 'subsets' in spec;
  return isRule ? rejectAs('DestinationRule', ref, fields, problems) : reject(ref, fields, problems);
}

/** Rejects an object of unknown kind as one of this kind. */
function rejectAs(kind: Kind, ref: ObjectRef, fields: Fields, problems: readonly Problem[]): ReadObject {
  return { ...reject({ ...ref, kind }, fields, problems), ref };
}

/**
 * If a policy's spec or one of its decisive fields stands without a value, the rest of it was to
 * follow: it was cut off, or forgotten. If it counted as absent, as elsewhere, the policy would
 * protect nothing.
 */
function findEmptied(kind: Kind, { spec }: Fields): readonly Problem[] {
  const { decisive } = definitionOf(kind);
  if (decisive === undefined) return [];
  const tell = (field: string): string => `\`${field}\` is empty, and without it the rest says nothing.`;
  if (spec === null) return [errorAt('InvalidType', ['spec'], tell('spec'))];
  if (!isRecord(spec)) return [];
  return decisive
    .filter((fields) => fields.every((field) => (spec[field] ?? null) === null))
    .flatMap((fields) => fields.filter((field) => spec[field] === null))
    .map((field) => errorAt('InvalidType', ['spec', field], tell(field)));
}

/** The pods of an object that is not read itself. Its own faults are not reported here. */
function readTemplate(pods: Fields, ref: ObjectRef): ReadObject {
  const problems: readonly Problem[] = [
    {
      code: 'UnknownKind',
      severity: 'info',
      path: ['kind'],
      message: `Of a ${ref.kind} the labels, ports and service account of its pods are read, and nothing is started for it.`,
      hint: 'on one machine a WorkloadEntry says where a workload is',
    },
  ];
  const { object: pod } = readKnown('Pod', pods, ref);
  if (pod?.kind !== 'Pod') return { ref, problems };
  // No object of a source has a slash in its name, so this replaces no Pod.
  const metadata = { ...pod.metadata, name: `${ref.kind}/${ref.name}` };
  return { ref, problems, object: { ...pod, metadata, spec: { ...pod.spec, workloadName: ref.name } } };
}

function readKnown(kind: Kind, given: Fields, ref: ObjectRef): ReadObject {
  const emptied = findEmptied(kind, given);
  if (emptied.length > 0) return reject(ref, given, emptied);
  const value = withoutNulls(given);
  const { apiVersion, metadata } = value;
  const spec = definitionOf(kind).flatten?.(value);
  const { object: fields, problems: historical } = modernize(
    spec === undefined ? value : { apiVersion, kind, metadata, spec },
  );
  const structural = [...checkCharacters(fields), ...checkStructure(kind, fields)];
  if (structural.length > 0) return reject(ref, fields, [...historical, ...structural]);
  const object = {
    apiVersion: textOf(fields['apiVersion']),
    kind,
    metadata: normalizeMetadata(ref, fields['metadata'] as Fields),
    spec: fields['spec'] ?? {},
  } as AnyMeshObject;
  const problems = [...historical, ...(definitionOf(kind).check?.(object) ?? [])];
  if (problems.some(({ severity }) => severity === 'error')) return reject(ref, fields, problems);
  return { ref, object: normalizeTargets(object), problems };
}

/** The Finding for a kind or version that is not read; undefined when it is read. */
function checkKind(kind: string, apiVersion: string, ref: ObjectRef): ReadObject | undefined {
  const slash = apiVersion.lastIndexOf('/');
  const group = apiVersion.slice(0, Math.max(slash, 0));
  const version = apiVersion.slice(slash + 1);
  if (isKind(kind)) {
    const { group: known, versions, historicalVersions = [], isNamespaced } = definitionOf(kind);
    if (group === known && (versions.includes(version) || historicalVersions.includes(version))) return undefined;
    // A policy of another of the mesh's groups is a mistake; a Gateway of Istio's is not one of the
    // Gateway API's.
    const isSlip = policyKindOf(kind) === kind && isMeshGroup(group);
    if (group === known || suggestName(group, [known]) !== undefined || (group === '' && known !== '') || isSlip) {
      const all = versions.map((each) => formatApiVersion(known, each)).join(', ');
      const message = `\`${apiVersion}\` is no version of ${kind} that is read.`;
      return { ref, problems: [errorAt('UnsupportedVersion', ['apiVersion'], message, `write one of ${all}`)] };
    }
    const message = `${kind} of \`${apiVersion}\` is not read: it has no effect here.`;
    return {
      ref: { ...ref, namespace: isNamespaced ? ref.namespace : '' },
      problems: [warningAt('UnknownKind', ['kind'], message)],
    };
  }
  if (isMeshKind(group, kind)) {
    const suggestion = suggestName(kind, kindNames);
    if (suggestion !== undefined && !isOtherMeshKind(kind)) return misspelt(kind, suggestion, ref);
    if (group === securityGroup && !isOtherMeshKind(kind)) return unknownPolicy(kind, ref);
    return { ref, problems: [warningAt('UnknownKind', ['kind'], `${kind} is not read yet: it has no effect here.`)] };
  }
  const suggestion = isKubernetesGroup(group) && group !== '' ? undefined : suggestName(kind, kindNames);
  if (suggestion !== undefined) return misspelt(kind, suggestion, ref);
  const message = `${kind} is not read by Cairn.`;
  return {
    ref,
    problems: [{ code: 'UnknownKind', severity: 'info', path: ['kind'], message }],
  };
}

/**
 * Waypoints accept only mutual TLS, and nothing of Cairn refuses plain text that goes to workloads
 * directly.
 */
function checkPeerAuthentication(spec: unknown): Problem {
  const { mtls, portLevelMtls } = isRecord(spec) ? spec : {};
  const modes = [mtls, ...(isRecord(portLevelMtls) ? Object.values(portLevelMtls) : [])];
  const isStrict = modes.some((each) => isRecord(each) && each['mode'] === 'STRICT');
  return {
    code: 'PolicyNotAttached',
    severity: isStrict ? 'error' : 'info',
    path: ['spec'],
    message: `A waypoint takes nothing but mutual TLS, and nothing of Cairn says what workloads take${isStrict ? ': plain text that goes to them is not refused' : ''}.`,
  };
}

function isOtherMeshKind(kind: string): boolean {
  return isMeshKind('', kind);
}

/** The intended object counts as rejected, so that its last good version can stay. */
function misspelt(kind: string, suggestion: string, ref: ObjectRef): ReadObject {
  const problem = errorAt(
    'UnknownKind',
    ['kind'],
    `\`${kind}\` is no kind that is read.`,
    `did you mean \`${suggestion}\`?`,
  );
  return { ref: { ...ref, kind: suggestion }, problems: [problem] };
}

/**
 * Every object of the group decides about requests, so an unknown one is a policy that cannot be
 * read.
 */
function unknownPolicy(kind: string, ref: ObjectRef): ReadObject {
  const problem = errorAt(
    'UnknownKind',
    ['kind'],
    `\`${kind}\` is no kind that is read.`,
    'write AuthorizationPolicy or RequestAuthentication',
  );
  return { ref: { ...ref, kind: '' }, problems: [problem] };
}

function normalizeMetadata(ref: ObjectRef, metadata: Fields): ObjectMeta {
  const created = metadata['creationTimestamp'];
  const generation = metadata['generation'];
  return {
    name: ref.name,
    namespace: ref.namespace,
    labels: (metadata['labels'] ?? {}) as Readonly<Record<string, string>>,
    annotations: (metadata['annotations'] ?? {}) as Readonly<Record<string, string>>,
    ...(typeof created === 'string' && isTime(created) ? { creationTimestamp: created } : {}),
    ...(typeof generation === 'number' ? { generation } : {}),
  };
}

/** The deprecated single `targetRef` becomes the list. */
function normalizeTargets(object: AnyMeshObject): AnyMeshObject {
  if (object.kind !== 'AuthorizationPolicy' && object.kind !== 'RequestAuthentication') return object;
  if (object.spec.targetRef === undefined) return object;
  const { targetRef, ...spec } = object.spec;
  return { ...object, spec: { ...spec, targetRefs: [targetRef] } };
}

/** A name of digits without quotes is a number to YAML. */
function nameOf(value: unknown): string {
  return typeof value === 'number' ? String(value) : textOf(value);
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? encodable(value) : '';
}
