// Translates one object of the Kubernetes API into its objects of the mesh. It is read and judged
// as the same object in a file would be. Pure.

import {
  closedMesh,
  definitionOf,
  describeStandIn,
  findMeshConfig,
  formatRef,
  isKind,
  listenAddressAnnotation,
  meshConfigMap,
  readObject,
  refOf,
} from '../../../mesh/index.ts';
import type { AnyMeshObject, Finding, MeshSettings, ObjectRef } from '../../../mesh/index.ts';
import type { KubernetesObject } from '../../../kubernetes/index.ts';
import { trimManagedFields } from '../status/ownership.ts';

/** The meaning of one object. */
export interface ReadClusterObject {
  /** The objects that it puts in force: nothing, itself, or its stand-in. */
  readonly objects: readonly AnyMeshObject[];
  readonly findings: readonly Finding[];
}

const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';

/**
 * An object without the parts that only its writers need: of managed fields, those of our statuses
 * stay. Of kinds with many objects, only the fields that are read stay.
 */
export function trimObject(object: KubernetesObject): KubernetesObject {
  const { managedFields = [], ...metadata } = object.metadata;
  const { [lastApplied]: _, ...annotations } = metadata.annotations ?? {};
  const own = trimManagedFields(managedFields);
  const trimmed = {
    ...object,
    metadata: {
      ...metadata,
      ...(metadata.annotations === undefined ? {} : { annotations }),
      ...(own.length === 0 ? {} : { managedFields: own }),
    },
  };
  const { kind = '' } = object;
  const kept = isKind(kind) ? definitionOf(kind).trim?.(trimmed) : undefined;
  return (kept as KubernetesObject | undefined) ?? trimmed;
}

/** The context in which an object is read. */
export interface ReadContext {
  /** The objects that were in force because of it. */
  readonly inForce: readonly AnyMeshObject[];
  readonly settings: MeshSettings;
  /** The address that waypoints listen on; every IPv4 address by default. */
  readonly waypointAddress?: string;
}

const anyAddress = '0.0.0.0';

/**
 * Reads an object. An object that cannot be used keeps what was `inForce` because of it. A policy
 * does not: it is replaced by a stand-in that denies, so that a replica serves what the cluster
 * holds, and not what it happened to see before. A DestinationRule is closed if no good version was
 * in force; its last good version sends nothing that it was not written to send.
 */
export function readClusterObject(
  object: KubernetesObject,
  { inForce, settings, waypointAddress = anyAddress }: ReadContext,
): ReadClusterObject {
  const fields = meaningfulFields(object, settings);
  if (fields === undefined) return { objects: [], findings: [] };
  if (object.kind === 'PeerAuthentication') return { objects: [], findings: [peerAuthentication(object)] };
  if ('problem' in fields) return spoiltMeshConfig(fields.problem, inForce);
  const read = readObject(fields.fields);
  const findings = read.problems.map((problem): Finding => ({ ...problem, ref: read.ref }));
  if (read.object !== undefined) return { objects: [complete(read.object, object, waypointAddress)], findings };
  if (!read.problems.some(({ severity }) => severity === 'error')) return { objects: [], findings };
  if (read.ref.kind === 'MeshConfig') {
    const spoilt = spoiltMeshConfig(undefined, inForce);
    return { objects: spoilt.objects, findings: explain(findings, spoilt.findings[0]?.message ?? '') };
  }
  const lastGood = inForce.some(({ kind, standsFor }) => kind === 'DestinationRule' && standsFor !== undefined)
    ? []
    : inForce;
  const isRuleKept = read.ref.kind === 'DestinationRule' && lastGood.length > 0;
  if (read.standIn !== undefined && !isRuleKept) {
    const closed = `Until this is mended, ${describeStandIn(read.standIn)}.`;
    return { objects: [read.standIn], findings: explain(findings, closed) };
  }
  if (lastGood.length === 0) return { objects: [], findings };
  return { objects: lastGood, findings: explain(findings, 'The last good version stays in force.') };
}

/**
 * Whether an object is the ConfigMap of the MeshConfig; others are there for their certificates.
 */
function isMeshConfig({ kind, metadata }: KubernetesObject, { rootNamespace }: MeshSettings): boolean {
  return kind === 'ConfigMap' && metadata.name === meshConfigMap && metadata.namespace === rootNamespace;
}

/** The part of an object to read: itself, its MeshConfig, or nothing. */
function meaningfulFields(
  object: KubernetesObject,
  settings: MeshSettings,
): { readonly fields: Readonly<Record<string, unknown>> } | { readonly problem: string } | undefined {
  if (isMeshConfig(object, settings)) {
    const found = findMeshConfig('', { ...object });
    if (found === undefined) return undefined;
    return found.fields === undefined ? { problem: found.problem ?? '' } : { fields: found.fields };
  }
  // Only the status of a kind without meaning to the mesh is written, if it concerns a waypoint.
  if (object.kind === 'ListenerSet') return undefined;
  return { fields: object };
}

/** Without a MeshConfig the namespace of mesh-wide policies is not known, so nothing may pass. */
function spoiltMeshConfig(problem: string | undefined, inForce: readonly AnyMeshObject[]): ReadClusterObject {
  const isFirst = !inForce.some(({ kind }) => kind === 'MeshConfig');
  const rest = isFirst
    ? `Until this is mended, ${describeStandIn(closedMesh)}.`
    : 'The last good version stays in force.';
  const ref = { kind: 'MeshConfig', namespace: '', name: 'mesh' };
  const message = problem === undefined ? rest : `${problem} ${rest}`;
  const finding: Finding = { code: 'SyntaxError', severity: 'error', ref, path: [], message };
  return { objects: isFirst ? [closedMesh] : inForce, findings: [finding] };
}

function explain(findings: readonly Finding[], what: string): readonly Finding[] {
  return findings.map((finding) =>
    finding.severity === 'error' ? { ...finding, message: `${finding.message} ${what}` } : finding,
  );
}

function peerAuthentication({ metadata }: KubernetesObject): Finding {
  return {
    code: 'FieldNotSupported',
    severity: 'info',
    ref: { kind: 'PeerAuthentication', namespace: metadata.namespace ?? '', name: metadata.name },
    path: ['spec'],
    message: 'A waypoint takes nothing but mutual TLS; what workloads take from others is decided by their nodes.',
  };
}

/** The object with the cluster's facts about it, and without fields that no user may set. */
function complete(read: AnyMeshObject, object: KubernetesObject, waypointAddress: string): AnyMeshObject {
  if (read.kind !== 'Gateway') return withAllocated(read, object);
  // All waypoint pods of the cluster listen on the same address; nobody would find one on an
  // address of its own choice.
  const { [listenAddressAnnotation]: _, ...rest } = read.metadata.annotations;
  const annotations = waypointAddress === anyAddress ? rest : { ...rest, [listenAddressAnnotation]: waypointAddress };
  return { ...read, metadata: { ...read.metadata, annotations } };
}

/**
 * The status of a ServiceEntry has the addresses that we or another control plane allocated to its
 * hosts.
 */
function withAllocated(object: AnyMeshObject, { status }: KubernetesObject): AnyMeshObject {
  if (object.kind !== 'ServiceEntry' || (object.spec.addresses ?? []).length > 0) return object;
  const byHost: Record<string, string[]> = {};
  for (const entry of listOf(fieldsOf(status)['addresses'])) {
    const { host, value } = fieldsOf(entry);
    if (typeof host !== 'string' || typeof value !== 'string' || !object.spec.hosts.includes(host)) continue;
    (byHost[host] ??= []).push(value);
  }
  return Object.keys(byHost).length === 0 ? object : { ...object, spec: { ...object.spec, hostAddresses: byHost } };
}

/** The reference of an API object. */
export function refOfKubernetes(object: KubernetesObject): ObjectRef {
  const { namespace = '', name } = object.metadata;
  return { kind: object.kind ?? '', namespace, name };
}

/** The key of a mesh object among those in force. */
export function meshKey(object: AnyMeshObject): string {
  return formatRef(refOf(object));
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
