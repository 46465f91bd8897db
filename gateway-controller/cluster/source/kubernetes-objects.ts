// One object of the Kubernetes API to what it means for the mesh: read and judged as the same object in a file would be. Pure.

import {
  closedMesh,
  describeStandIn,
  findMeshConfig,
  formatRef,
  isUnreadRule,
  listenAddressAnnotation,
  meshConfigMap,
  readObject,
  refOf,
} from '../../../mesh/index.ts';
import type { AnyMeshObject, Finding, MeshSettings, ObjectRef } from '../../../mesh/index.ts';
import { resources } from '../../../kubernetes/index.ts';
import type { ApiResource, KubernetesObject } from '../../../kubernetes/index.ts';
import { trimManagedFields } from '../status/ownership.ts';

/** What one object means. */
export interface ReadClusterObject {
  /** What it puts in force: nothing, itself, or what stands in for it. */
  readonly objects: readonly AnyMeshObject[];
  readonly findings: readonly Finding[];
}

/** Every kind that is watched in all namespaces. */
export const watchedResources: readonly ApiResource[] = [
  resources.gatewayClasses,
  resources.gateways,
  resources.httpRoutes,
  resources.grpcRoutes,
  resources.tcpRoutes,
  resources.tlsRoutes,
  resources.listenerSets,
  resources.referenceGrants,
  resources.backendTLSPolicies,
  resources.virtualServices,
  resources.destinationRules,
  resources.serviceEntries,
  resources.workloadEntries,
  resources.authorizationPolicies,
  resources.requestAuthentications,
  resources.peerAuthentications,
  resources.services,
  resources.endpointSlices,
  resources.pods,
  resources.namespaces,
  resources.nodes,
];

const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';
const keptNodeLabels = /^(?:topology\.|failure-domain\.|kubernetes\.io\/hostname$)/;

/** An object without what only its writers need: of managed fields, those of our statuses stay. Of Pods, Nodes and slices, of which there are many, only what is read stays. */
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
  switch (object.kind) {
    case 'Pod':
      return trimPod(trimmed);
    case 'Node': {
      const { name, uid, resourceVersion, labels = {} } = metadata;
      const kept = Object.fromEntries(Object.entries(labels).filter(([label]) => keptNodeLabels.test(label)));
      const head = { name, labels: kept, ...(uid === undefined ? {} : { uid }) };
      return {
        apiVersion: 'v1',
        kind: 'Node',
        metadata: resourceVersion === undefined ? head : { ...head, resourceVersion },
      };
    }
    case 'ConfigMap':
      return { ...trimmed, data: pick(object['data'], ['mesh', 'ca.crt']) };
    default:
      return trimmed;
  }
}

function trimPod(pod: KubernetesObject): KubernetesObject {
  const spec = pick(pod['spec'], ['serviceAccountName', 'nodeName', 'hostNetwork']);
  const containers = listOf(fieldsOf(pod['spec'])['containers']).flatMap((container) => {
    const named = listOf(fieldsOf(container)['ports']).filter((port) => fieldsOf(port)['name'] !== undefined);
    return named.length === 0 ? [] : [{ ports: named.map((port) => pick(port, ['name', 'containerPort'])) }];
  });
  const { metadata } = pod;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: metadata.name,
      ...pick(metadata, [
        'namespace',
        'uid',
        'resourceVersion',
        'labels',
        'annotations',
        'ownerReferences',
        'creationTimestamp',
        'deletionTimestamp',
      ]),
    },
    spec: { ...spec, ...(containers.length === 0 ? {} : { containers }) },
    status: pick(pod['status'], ['phase', 'podIP', 'podIPs', 'conditions']),
  };
}

/** Fields of a Service that a mesh has no use for may be newer than what is known here, and are no mistake of its author. */
const serviceFields = [
  'type',
  'clusterIP',
  'clusterIPs',
  'ipFamilies',
  'selector',
  'ports',
  'externalName',
  'publishNotReadyAddresses',
  'internalTrafficPolicy',
  'trafficDistribution',
] as const;

/** What an object is read with. */
export interface ReadContext {
  /** What was in force because of it. */
  readonly inForce: readonly AnyMeshObject[];
  readonly settings: MeshSettings;
  /** The address that waypoints listen on; every IPv4 address unless told. */
  readonly waypointAddress?: string;
}

const anyAddress = '0.0.0.0';

/**
 * Reads an object. What cannot be used keeps what was `inForce` because of it, but for policies: those are replaced by one that denies,
 * so that what a replica serves follows from what the cluster holds, and not from what this replica happened to see before. A
 * DestinationRule is closed where no good version was in force: the last good one sends nothing that it was not written to send.
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
  const lastGood = inForce.some((each) => each.kind === 'DestinationRule' && isUnreadRule(each)) ? [] : inForce;
  const isRuleKept = read.ref.kind === 'DestinationRule' && lastGood.length > 0;
  if (read.standIn !== undefined && !isRuleKept) {
    const closed = `Until this is mended, ${describeStandIn(read.standIn)}.`;
    return { objects: [read.standIn], findings: explain(findings, closed) };
  }
  if (lastGood.length === 0) return { objects: [], findings };
  return { objects: lastGood, findings: explain(findings, 'The last good version stays in force.') };
}

/** Whether an object is the ConfigMap of the MeshConfig; others are there for the certificates in them. */
function isMeshConfig({ kind, metadata }: KubernetesObject, { rootNamespace }: MeshSettings): boolean {
  return kind === 'ConfigMap' && metadata.name === meshConfigMap && metadata.namespace === rootNamespace;
}

/** What is to be read of an object: itself, the MeshConfig that it holds, or nothing. */
function meaningfulFields(
  object: KubernetesObject,
  settings: MeshSettings,
): { readonly fields: Readonly<Record<string, unknown>> } | { readonly problem: string } | undefined {
  if (isMeshConfig(object, settings)) {
    const found = findMeshConfig('', { ...object });
    if (found === undefined) return undefined;
    return found.fields === undefined ? { problem: found.problem ?? '' } : { fields: found.fields };
  }
  // Only its status is written, where it is about a waypoint.
  if (object.kind === 'ListenerSet') return undefined;
  if (object.kind === 'Service') return { fields: { ...object, spec: pick(object['spec'], serviceFields) } };
  return { fields: object };
}

/** Without a MeshConfig nothing is known of the namespace whose policies are the whole mesh's: nothing may pass. */
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

/** The object with what the cluster knows of it, and without what is no user's to say. */
function complete(read: AnyMeshObject, object: KubernetesObject, waypointAddress: string): AnyMeshObject {
  if (read.kind !== 'Gateway') return withAllocated(read, object);
  // Where a waypoint listens is decided for all pods of the cluster; on an address of their own choice nobody would find it.
  const { [listenAddressAnnotation]: _, ...rest } = read.metadata.annotations;
  const annotations = waypointAddress === anyAddress ? rest : { ...rest, [listenAddressAnnotation]: waypointAddress };
  return { ...read, metadata: { ...read.metadata, annotations } };
}

/** Addresses that were given to a ServiceEntry's hosts, by us or by another control plane, stand in its status. */
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

function pick(value: unknown, names: readonly string[]): Readonly<Record<string, unknown>> {
  const fields = fieldsOf(value);
  return Object.fromEntries(
    names.flatMap((name) => (fields[name] === undefined ? [] : [[name, fields[name]] as const])),
  );
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
