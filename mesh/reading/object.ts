// One plain value to one object of the mesh: which kind and version it is, whether its structure and meaning hold, and its normal form.

import { everyClass, gatewayGroup, networkingGroup, securityGroup } from '../labels.ts';
import { defaultMeshSettings } from '../settings.ts';
import type { AnyMeshObject, Kind, MeshObject, ObjectMeta, ObjectRef } from '../object.ts';
import { checkMeaning } from '../validation/meaning.ts';
import { checkCharacters, encodable } from './characters.ts';
import { modernize } from './historical.ts';
import { formatApiVersion, isKind, isKubernetesGroup, isMeshKind, kindDefinitions, kindNames } from './kinds.ts';
import type { Problem } from './problem.ts';
import { errorAt, warningAt } from './problem.ts';
import { checkStructure, isRecord } from './structure.ts';
import { suggestName } from './suggestion.ts';
import { flattenWorkload } from './workloads.ts';

type Fields = Readonly<Record<string, unknown>>;

/** What became of one value. `object` is absent when the kind is not read or a problem is an error. */
export interface ReadObject {
  readonly ref: ObjectRef;
  readonly object?: AnyMeshObject;
  /** In place of a policy that cannot be read: one that lets nothing through to its targets. */
  readonly standIn?: AnyMeshObject;
  readonly problems: readonly Problem[];
}

/** Reads one object; `value` is plain data from any source. Namespaced objects without a namespace are in `default`. */
export function readObject(value: Fields): ReadObject {
  const kind = textOf(value['kind']);
  const apiVersion = textOf(value['apiVersion']);
  const metadata = isRecord(value['metadata']) ? value['metadata'] : {};
  const ref: ObjectRef = {
    kind,
    namespace: isKind(kind) && !kindDefinitions[kind].isNamespaced ? '' : textOf(metadata['namespace']) || 'default',
    name: textOf(metadata['name']),
  };
  const missing = ['apiVersion', 'kind'].filter((field) => textOf(value[field]) === '');
  if (missing.length > 0) {
    return {
      ref,
      problems: missing.map((field) => errorAt('MissingField', [field], `The object needs the field \`${field}\`.`)),
    };
  }
  const other = checkKind(kind, apiVersion, ref);
  if (other !== undefined) {
    return other.problems.some(({ severity }) => severity === 'error')
      ? { ...other, ...standInFor(other.ref, value) }
      : other;
  }
  return isKind(kind) ? readKnown(kind, value, ref) : { ref, problems: [] };
}

function readKnown(kind: Kind, value: Fields, ref: ObjectRef): ReadObject {
  const { object: fields, problems: historical } = modernize(
    kind === 'ConfigMap' ? trimConfigMap(value) : flattenWorkload(value),
  );
  const structural = [...checkCharacters(fields), ...checkStructure(kind, fields)];
  if (structural.length > 0) return { ref, ...standInFor(ref, fields), problems: [...historical, ...structural] };
  const object = {
    apiVersion: textOf(fields['apiVersion']),
    kind,
    metadata: normalizeMetadata(ref, fields['metadata'] as Fields),
    spec: fields['spec'] ?? {},
  } as AnyMeshObject;
  const problems = [...historical, ...checkMeaning(object)];
  if (problems.some(({ severity }) => severity === 'error')) return { ref, ...standInFor(ref, fields), problems };
  return { ref, object: normalizeTargets(object), problems };
}

/** The certificates of a ConfigMap: whatever else it holds is nobody's business here, and no reason to refuse it. */
function trimConfigMap({ apiVersion, kind, metadata, data }: Fields): Fields {
  const certificates = isRecord(data) ? data['ca.crt'] : undefined;
  return { apiVersion, kind, metadata, spec: typeof certificates === 'string' ? { 'ca.crt': certificates } : {} };
}

/** The kinds that policies can target, with their groups: a wrong group is a slip, not another target. */
const targetGroups: Readonly<Record<string, string>> = {
  Service: '',
  ServiceEntry: networkingGroup,
  Gateway: gatewayGroup,
  GatewayClass: gatewayGroup,
};

/**
 * In place of a MeshConfig that cannot be read: nothing may pass, since it names the namespace whose policies are the whole mesh's, and
 * which escaped paths are one.
 */
export const closedMesh: AnyMeshObject = {
  apiVersion: formatApiVersion(securityGroup, 'v1'),
  kind: 'AuthorizationPolicy',
  metadata: { name: 'MeshConfig/mesh', namespace: defaultMeshSettings.rootNamespace, labels: {}, annotations: {} },
  spec: {
    action: 'DENY',
    targetRefs: [{ group: gatewayGroup, kind: 'GatewayClass', name: everyClass }],
    rules: [{}],
  },
};

/**
 * What lets nothing through to those targets of a rejected policy that can be read; AUDIT policies never decide. Without a
 * RequestAuthentication tokens would pass unverified, so one that is spoilt closes its targets too, and without a BackendTLSPolicy
 * requests would go out in plain text.
 */
function standInFor(ref: ObjectRef, fields: Fields): { readonly standIn?: AnyMeshObject } {
  const spec = fields['spec'];
  if (ref.kind === 'MeshConfig') return { standIn: closedMesh };
  if (ref.name === '' || !isRecord(spec)) return {};
  if (ref.kind === 'BackendTLSPolicy') return silentBackend(ref, fields, spec);
  if (ref.kind !== 'AuthorizationPolicy' && ref.kind !== 'RequestAuthentication') return {};
  if (spec['action'] === 'AUDIT') return {};
  const targetRefs = readableTargets(spec);
  if (targetRefs.length === 0) return {};
  const standIn: MeshObject<'AuthorizationPolicy'> = {
    apiVersion: textOf(fields['apiVersion']),
    kind: 'AuthorizationPolicy',
    // No object can have a name with a slash, so this one takes the place of no other policy.
    metadata: {
      name: ref.kind === 'AuthorizationPolicy' ? ref.name : `${ref.kind}/${ref.name}`,
      namespace: ref.namespace,
      labels: {},
      annotations: {},
    },
    spec: {
      action: 'DENY',
      targetRefs: targetRefs.map(({ group, kind, name }) => ({ group, kind, name })),
      rules: [{}],
    },
  };
  return { standIn };
}

/** A BackendTLSPolicy that believes nobody, so that nothing is sent to its targets. */
function silentBackend(ref: ObjectRef, fields: Fields, spec: Fields): { readonly standIn?: AnyMeshObject } {
  const targetRefs = readableTargets(spec);
  if (targetRefs.length === 0) return {};
  const {
    labels: _labels,
    annotations: _annotations,
    ...metadata
  } = isRecord(fields['metadata']) ? fields['metadata'] : {};
  const standIn: MeshObject<'BackendTLSPolicy'> = {
    apiVersion: textOf(fields['apiVersion']),
    kind: 'BackendTLSPolicy',
    // Its age stays: it decides which of two policies holds.
    metadata: normalizeMetadata(ref, metadata),
    spec: { targetRefs, validation: { hostname: ref.name } },
  };
  return { standIn };
}

/** The targets of a policy whose kind and name can be read, with the right group. */
function readableTargets(
  spec: Fields,
): readonly { readonly group: string; readonly kind: string; readonly name: string; readonly sectionName?: string }[] {
  // A single target where a list is wanted is a common slip, and means what it says.
  const written: readonly unknown[] = [spec['targetRefs'], spec['targetRef']].flat();
  return written.filter(isRecord).flatMap((target) => {
    const [kind, name, sectionName] = [textOf(target['kind']), textOf(target['name']), textOf(target['sectionName'])];
    const group = Object.hasOwn(targetGroups, kind) ? targetGroups[kind] : undefined;
    if (group === undefined || name === '') return [];
    return [{ group, kind, name, ...(sectionName === '' ? {} : { sectionName }) }];
  });
}

/** What there is to say when the kind or its version is not read; undefined when it is. */
function checkKind(kind: string, apiVersion: string, ref: ObjectRef): ReadObject | undefined {
  const slash = apiVersion.lastIndexOf('/');
  const group = apiVersion.slice(0, Math.max(slash, 0));
  const version = apiVersion.slice(slash + 1);
  if (isKind(kind)) {
    const { group: known, versions, historicalVersions, isNamespaced } = kindDefinitions[kind];
    if (group === known && (versions.includes(version) || historicalVersions.includes(version))) return undefined;
    if (group === known || suggestName(group, [known]) !== undefined || (group === '' && known !== '')) {
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
    return { ref, problems: [warningAt('UnknownKind', ['kind'], `${kind} is not read yet: it has no effect here.`)] };
  }
  const suggestion = isKubernetesGroup(group) && group !== '' ? undefined : suggestName(kind, kindNames);
  if (suggestion !== undefined) return misspelt(kind, suggestion, ref);
  const message = `${kind} is not read by Cairn.`;
  return {
    ref,
    problems: [
      { code: 'UnknownKind', severity: isKubernetesGroup(group) ? 'info' : 'warning', path: ['kind'], message },
    ],
  };
}

function isOtherMeshKind(kind: string): boolean {
  return isMeshKind('', kind);
}

/** The object meant counts as rejected, so that what was last read of it can stay. */
function misspelt(kind: string, suggestion: string, ref: ObjectRef): ReadObject {
  const problem = errorAt(
    'UnknownKind',
    ['kind'],
    `\`${kind}\` is no kind that is read.`,
    `did you mean \`${suggestion}\`?`,
  );
  return { ref: { ...ref, kind: suggestion }, problems: [problem] };
}

function normalizeMetadata(ref: ObjectRef, metadata: Fields): ObjectMeta {
  const created = metadata['creationTimestamp'];
  const generation = metadata['generation'];
  return {
    name: ref.name,
    namespace: ref.namespace,
    labels: (metadata['labels'] ?? {}) as Readonly<Record<string, string>>,
    annotations: (metadata['annotations'] ?? {}) as Readonly<Record<string, string>>,
    ...(typeof created === 'string' && /^\d{4}-\d\d-\d\dT/.test(created) ? { creationTimestamp: created } : {}),
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

function textOf(value: unknown): string {
  return typeof value === 'string' ? encodable(value) : '';
}
