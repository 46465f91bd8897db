// Stand-ins for objects that cannot be read and whose absence would open something. A stand-in
// closes what the object was written for, as far as that can be read, and otherwise its namespace,
// but no more.

import { everyClass, gatewayGroup, hbonePort, hboneProtocol, namespaceTarget, networkingGroup } from '../labels.ts';
import { securityGroup, waypointClass } from '../labels.ts';
import { defaultMeshSettings } from '../settings.ts';
import type { BackendTlsTarget } from '../kinds/backend-tls-policy/spec.ts';
import type { ObjectMeta, ObjectRef } from '../metadata.ts';
import type { AnyMeshObject, MeshObject } from '../object.ts';
import { kindNames } from '../kinds/table.ts';
import { formatApiVersion } from './kinds.ts';
import { isRecord } from '../fields.ts';
import { suggestName } from './suggestion.ts';

type Fields = Readonly<Record<string, unknown>>;

/** An object, and the object that it stands in for. */
export interface StandIn {
  readonly ref: ObjectRef;
  readonly object: AnyMeshObject;
}

/** The kinds that are written to close something, which is open without them. */
const closingKinds: ReadonlySet<string> = new Set([
  'AuthorizationPolicy',
  'BackendTLSPolicy',
  'Gateway',
  'MeshConfig',
  'Namespace',
  'RequestAuthentication',
]);

/** True for a kind that is written to close something, which is open without it. */
export function isClosingKind(kind: string): boolean {
  return closingKinds.has(kind);
}

const policyKinds = ['AuthorizationPolicy', 'BackendTLSPolicy', 'DestinationRule', 'RequestAuthentication'] as const;

/** The intended kind, also of a misspelt word, if its stand-in closes services. */
export function policyKindOf(word: string): (typeof policyKinds)[number] | undefined {
  const kind = kindNames.find((name) => name === word) ?? suggestName(word, kindNames);
  return policyKinds.find((each) => each === kind);
}

/**
 * The stand-in of a MeshConfig that cannot be read: nothing may pass, since it names the namespace
 * of mesh-wide policies, and says which escaped paths are the same.
 */
export const closedMesh: AnyMeshObject = closeMesh({ kind: 'MeshConfig', namespace: '', name: 'mesh' });

function closeMesh(ref: ObjectRef): AnyMeshObject {
  return { ...deny(ref, [{ group: gatewayGroup, kind: 'GatewayClass', name: everyClass }]), standsFor: ref };
}

/**
 * The stand-in for a rejected object; undefined if none is possible or needed. `isWhole` is false
 * if a part of its text could not be read, so that it may have had targets, or TLS of a
 * DestinationRule, that nobody saw.
 */
export function standInFor(ref: ObjectRef, fields: Fields, isWhole = true): AnyMeshObject | undefined {
  if (ref.kind === 'MeshConfig') return closedMesh;
  const object = closingObject(ref, fields, isWhole);
  return object === undefined ? undefined : { ...object, standsFor: ref };
}

function closingObject(ref: ObjectRef, fields: Fields, isWhole: boolean): AnyMeshObject | undefined {
  switch (ref.kind) {
    case 'AuthorizationPolicy':
    case 'RequestAuthentication': {
      // AUDIT policies never decide.
      if (isRecord(fields['spec']) && fields['spec']['action'] === 'AUDIT') return undefined;
      const targets = targetsToClose(ref, fields, isWhole, Object.keys(targetGroups));
      return targets.length === 0 ? undefined : deny(ref, targets);
    }
    case 'BackendTLSPolicy': {
      const targets = targetsToClose(ref, fields, isWhole, ['Service', 'ServiceEntry']);
      return targets.length === 0 ? undefined : silence(ref, fields, targets);
    }
    case 'DestinationRule':
      return refuseTls(ref, fields, isWhole);
    case 'Namespace':
      return ref.name === '' ? undefined : labelsOf(ref, fields);
    case 'Gateway':
      return ref.name === '' ? undefined : bareWaypoint(ref, fields);
    default:
      return undefined;
  }
}

/** The effect while an object stands in for another, as part of a sentence. */
export function describeStandIn(object: AnyMeshObject): string {
  switch (object.kind) {
    case 'AuthorizationPolicy':
      return `everything to ${describeTargets(object, object.spec.targetRefs ?? [])} is denied`;
    case 'BackendTLSPolicy':
      return `requests to ${describeTargets(object, object.spec.targetRefs)} are answered with 503`;
    case 'DestinationRule':
      return object.spec.host === ''
        ? 'nothing is closed, since the host that it may ask TLS for cannot be read'
        : `requests to host "${object.spec.host}" are answered with 503 where this rule applies, since it may ask for TLS`;
    case 'Gateway':
      return 'a waypoint with nothing but its labels and its class stands in for it';
    default:
      return 'what can be read of its labels and annotations is in force';
  }
}

function describeTargets({ metadata: { namespace } }: AnyMeshObject, targets: readonly Target[]): string {
  const [first, ...rest] = [
    ...new Set(
      targets.map(({ kind, name }) => {
        if (kind === 'GatewayClass') return name === everyClass ? 'every service' : `GatewayClass ${name}`;
        return kind === namespaceTarget ? `every service of namespace ${name}` : `${kind} ${namespace}/${name}`;
      }),
    ),
  ];
  return [first ?? '', ...rest].join(' and ');
}

type Target = Pick<BackendTlsTarget, 'kind' | 'name'> & Partial<BackendTlsTarget>;

/**
 * The kinds that policies can target, with their groups: a wrong group is a mistake, not another
 * target.
 */
const targetGroups: Readonly<Record<string, string>> = {
  Service: '',
  ServiceEntry: networkingGroup,
  Gateway: gatewayGroup,
  GatewayClass: gatewayGroup,
};

/**
 * The targets of a policy that can be read, and its whole namespace if one cannot. None if the
 * policy names none: as it is written, no waypoint would read it.
 */
function targetsToClose(
  ref: ObjectRef,
  fields: Fields,
  isWhole: boolean,
  kinds: readonly string[],
): BackendTlsTarget[] {
  const { metadata: _, ...rest } = fields;
  const found: BackendTlsTarget[] = [];
  let isOneUnread = !isWhole;
  // A list that stands one level too high or too deep is still a list of targets, and so is one
  // with a misspelt name.
  const visit = (value: unknown, isTarget: boolean): void => {
    if (Array.isArray(value)) for (const item of value) visit(item, isTarget);
    else if (isRecord(value)) {
      const target = readTarget(value, kinds);
      if (target !== undefined) found.push(target);
      else if (isTarget) isOneUnread = true;
      else for (const [key, field] of Object.entries(value)) visit(field, isTargetKey(key));
    } else if (isTarget) isOneUnread = true;
  };
  visit(rest, false);
  if (found.length === 0 && !isRecord(fields['spec'])) isOneUnread = true;
  return isOneUnread ? [...found, { group: '', kind: namespaceTarget, name: ref.namespace }] : found;
}

function isTargetKey(key: string): boolean {
  return suggestName(key, ['targetRefs', 'targetRef']) !== undefined;
}

function readTarget(value: Fields, kinds: readonly string[]): BackendTlsTarget | undefined {
  const { kind, name, sectionName } = value;
  if (typeof kind !== 'string' || !kinds.includes(kind) || typeof name !== 'string' || name === '') return undefined;
  const section = typeof sectionName === 'string' && sectionName !== '' ? { sectionName } : {};
  return { group: targetGroups[kind] ?? '', kind, name, ...section };
}

/**
 * Lets nothing through. Tokens would pass unverified without a RequestAuthentication, so its
 * stand-in denies too.
 */
function deny(ref: ObjectRef, targets: readonly Target[]): MeshObject<'AuthorizationPolicy'> {
  return {
    apiVersion: formatApiVersion(securityGroup, 'v1'),
    kind: 'AuthorizationPolicy',
    metadata: {
      // No source has an object with a slash in its name, so no other policy has this name.
      name: ref.kind === 'AuthorizationPolicy' && ref.name !== '' ? ref.name : `${ref.kind}/${ref.name}`,
      namespace: ref.kind === 'MeshConfig' ? defaultMeshSettings.rootNamespace : ref.namespace,
      labels: {},
      annotations: {},
    },
    spec: {
      action: 'DENY',
      targetRefs: targets.map(({ group = '', kind, name }) => ({ group, kind, name })),
      rules: [{}],
    },
  };
}

/**
 * Without a BackendTLSPolicy requests would go out in plain text. Its stand-in trusts nobody, so
 * that nothing is sent.
 */
function silence(
  ref: ObjectRef,
  fields: Fields,
  targetRefs: readonly BackendTlsTarget[],
): MeshObject<'BackendTLSPolicy'> {
  return {
    apiVersion: formatApiVersion(gatewayGroup, 'v1'),
    kind: 'BackendTLSPolicy',
    metadata: agedMetadata(ref, fields),
    spec: { targetRefs, validation: { hostname: 'unreadable.invalid' } },
  };
}

/**
 * Without a DestinationRule that asks for TLS requests would go out in plain text. Its stand-in
 * asks for a certificate that nobody has, so that nothing is sent. A rule that does not ask for TLS
 * closes nothing. If the host cannot be read, `describeStandIn` says so.
 */
function refuseTls(ref: ObjectRef, fields: Fields, isWhole: boolean): MeshObject<'DestinationRule'> | undefined {
  const { metadata: _, ...rest } = fields;
  const spec = [fields['spec']].flat().find(isRecord) ?? rest;
  // A rule for some clients only has no effect at a waypoint.
  const isForAll = spec['workloadSelector'] === undefined || spec['workloadSelector'] === null;
  if (!isForAll || (isWhole && !asksForTls(rest))) return undefined;
  const exportTo = isWhole ? readTexts(spec['exportTo']) : undefined;
  return {
    apiVersion: formatApiVersion(networkingGroup, 'v1'),
    kind: 'DestinationRule',
    metadata: agedMetadata(ref, fields),
    spec: {
      host: readHost(spec),
      ...(exportTo === undefined ? {} : { exportTo }),
      trafficPolicy: { tls: { mode: 'MUTUAL' } },
    },
  };
}

/** Whether anything of a rule asks for TLS; a mode that cannot be read may have been any. */
function asksForTls(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(asksForTls);
  if (!isRecord(value)) return false;
  return Object.entries(value).some(([key, field]) => {
    if (/labels$/i.test(key)) return false;
    if (suggestName(key, ['tls']) !== undefined) return !isRecord(field) || field['mode'] !== 'DISABLE';
    return key === 'mode' ? field !== 'DISABLE' : asksForTls(field);
  });
}

/** The host of a rule, also if the key is misspelt or holds a list of one; '' if there is none. */
function readHost(spec: Fields): string {
  const key = 'host' in spec ? 'host' : Object.keys(spec).find((each) => suggestName(each, ['host']) !== undefined);
  const hosts = key === undefined ? [] : [spec[key]].flat();
  const [host] = hosts;
  return hosts.length === 1 && typeof host === 'string' ? host : '';
}

function readTexts(value: unknown): readonly string[] | undefined {
  return Array.isArray(value) && value.every((each) => typeof each === 'string') ? value : undefined;
}

/** The age of an object decides precedence. */
function agedMetadata(ref: ObjectRef, fields: Fields): ObjectMeta {
  const { creationTimestamp, generation } = metadataOf(fields);
  return {
    name: ref.name === '' ? `${ref.kind}/` : ref.name,
    namespace: ref.namespace,
    labels: {},
    annotations: {},
    ...(typeof creationTimestamp === 'string' && isTime(creationTimestamp) ? { creationTimestamp } : {}),
    ...(typeof generation === 'number' ? { generation } : {}),
  };
}

/** Without the labels of their namespace services would have no waypoint, and so no policy. */
function labelsOf(ref: ObjectRef, fields: Fields): MeshObject<'Namespace'> {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: readableMetadata(ref, fields), spec: {} };
}

/**
 * Without their waypoint services would have no policy: the policies at a waypoint do not depend on
 * the rest of its Gateway.
 */
function bareWaypoint(ref: ObjectRef, fields: Fields): MeshObject<'Gateway'> | undefined {
  if (!isRecord(fields['spec']) || fields['spec']['gatewayClassName'] !== waypointClass) return undefined;
  return {
    apiVersion: formatApiVersion(gatewayGroup, 'v1'),
    kind: 'Gateway',
    metadata: readableMetadata(ref, fields),
    spec: {
      gatewayClassName: waypointClass,
      listeners: [{ name: 'mesh', port: hbonePort, protocol: hboneProtocol }],
    },
  };
}

function readableMetadata({ namespace, name }: ObjectRef, fields: Fields): ObjectMeta {
  const { labels, annotations } = metadataOf(fields);
  return { name, namespace, labels: readableTexts(labels), annotations: readableTexts(annotations) };
}

function readableTexts(value: unknown): Readonly<Record<string, string>> {
  const entries = isRecord(value) ? Object.entries(value) : [];
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
}

function metadataOf(fields: Fields): Fields {
  return isRecord(fields['metadata']) ? fields['metadata'] : {};
}

/** Whether a text is a time as the API writes it. */
export function isTime(text: string): boolean {
  return /^\d{4}-\d\d-\d\dT/.test(text);
}
