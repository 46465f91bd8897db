// Kinds as the API serves them, and the paths of their objects.

import { listApiKinds } from '../mesh/index.ts';
import type { ApiKindName, BystanderName, DefinitionWithApi } from '../mesh/index.ts';

/** A kind as the API serves it. */
export interface ApiResource {
  /** '' for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  /** The segment of the path: `gateways`. */
  readonly plural: string;
  readonly namespaced: boolean;
  /**
   * Versions that older clusters serve in place of `version`, the best first. A Reflector takes the
   * one that is there.
   */
  readonly olderVersions?: readonly string[];
}

/** The owner of an object: the object is collected with its owner. */
export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

/** The `metadata` of an object. Objects to be written need only a name. */
export interface ObjectMeta {
  readonly name: string;
  readonly generateName?: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly OwnerReference[];
  readonly finalizers?: readonly string[];
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly managedFields?: readonly ManagedFields[];
}

/** The fields of an object that one writer owns. */
export interface ManagedFields {
  readonly manager?: string;
  readonly operation?: 'Apply' | 'Update';
  readonly subresource?: string;
  readonly apiVersion?: string;
  readonly fieldsV1?: Readonly<Record<string, unknown>>;
}

/**
 * Any object of the API. An object that is read from a list has its `apiVersion` and `kind` too.
 */
export interface KubernetesObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMeta;
  readonly [field: string]: unknown;
}

/** `gateway.networking.k8s.io/v1`, or `v1` in the core group. */
export function apiVersionOf(resource: ApiResource): string {
  return resource.group === '' ? resource.version : `${resource.group}/${resource.version}`;
}

/** The path of a group and version: `/api/v1`, `/apis/apps/v1`. */
export function groupPath(resource: ApiResource): string {
  return resource.group === '' ? `/api/${resource.version}` : `/apis/${resource.group}/${resource.version}`;
}

/**
 * The path of a collection, of one object, or of its subresource. A collection without a namespace
 * is that of all namespaces.
 */
export function resourcePath(
  resource: ApiResource,
  namespace: string | undefined,
  name?: string,
  subresource?: string,
): string {
  const segments = [groupPath(resource)];
  if (resource.namespaced && namespace !== undefined) segments.push('namespaces', encodeURIComponent(namespace));
  segments.push(resource.plural);
  if (name !== undefined) segments.push(encodeURIComponent(name));
  if (subresource !== undefined) segments.push(subresource);
  return segments.join('/');
}

/** `Gateway shop/waypoint`, for messages. */
export function describeObject(resource: ApiResource, namespace: string | undefined, name?: string): string {
  if (name === undefined) return namespace === undefined ? resource.plural : `${resource.plural} in ${namespace}`;
  return `${resource.kind} ${resource.namespaced && namespace !== undefined ? `${namespace}/` : ''}${name}`;
}

function inGroup(group: string, version: string, namespaced = true): (kind: string, plural: string) => ApiResource {
  return (kind, plural) => ({ group, version, kind, plural, namespaced });
}

const core = inGroup('', 'v1');
const rbac = inGroup('rbac.authorization.k8s.io', 'v1');
const rbacOfCluster = inGroup('rbac.authorization.k8s.io', 'v1', false);
const apps = inGroup('apps', 'v1');

type OtherName =
  | 'ServiceAccount'
  | 'Secret'
  | 'Event'
  | 'Lease'
  | 'Deployment'
  | 'DaemonSet'
  | 'ReplicaSet'
  | 'HorizontalPodAutoscaler'
  | 'PodDisruptionBudget'
  | 'NetworkPolicy'
  | 'Role'
  | 'RoleBinding'
  | 'ClusterRole'
  | 'ClusterRoleBinding'
  | 'TokenReview'
  | 'SubjectAccessReview'
  | 'ValidatingWebhookConfiguration'
  | 'CustomResourceDefinition';

/** Kinds of Kubernetes that no mesh is made of. */
const others: Readonly<Record<OtherName, ApiResource>> = {
  ServiceAccount: core('ServiceAccount', 'serviceaccounts'),
  Secret: core('Secret', 'secrets'),
  Event: inGroup('events.k8s.io', 'v1')('Event', 'events'),
  Lease: inGroup('coordination.k8s.io', 'v1')('Lease', 'leases'),
  Deployment: apps('Deployment', 'deployments'),
  DaemonSet: apps('DaemonSet', 'daemonsets'),
  ReplicaSet: apps('ReplicaSet', 'replicasets'),
  HorizontalPodAutoscaler: inGroup('autoscaling', 'v2')('HorizontalPodAutoscaler', 'horizontalpodautoscalers'),
  PodDisruptionBudget: inGroup('policy', 'v1')('PodDisruptionBudget', 'poddisruptionbudgets'),
  NetworkPolicy: inGroup('networking.k8s.io', 'v1')('NetworkPolicy', 'networkpolicies'),
  Role: rbac('Role', 'roles'),
  RoleBinding: rbac('RoleBinding', 'rolebindings'),
  ClusterRole: rbacOfCluster('ClusterRole', 'clusterroles'),
  ClusterRoleBinding: rbacOfCluster('ClusterRoleBinding', 'clusterrolebindings'),
  TokenReview: inGroup('authentication.k8s.io', 'v1', false)('TokenReview', 'tokenreviews'),
  SubjectAccessReview: inGroup('authorization.k8s.io', 'v1', false)('SubjectAccessReview', 'subjectaccessreviews'),
  ValidatingWebhookConfiguration: inGroup(
    'admissionregistration.k8s.io',
    'v1',
    false,
  )('ValidatingWebhookConfiguration', 'validatingwebhookconfigurations'),
  CustomResourceDefinition: inGroup(
    'apiextensions.k8s.io',
    'v1',
    false,
  )('CustomResourceDefinition', 'customresourcedefinitions'),
};

type ResourceName = OtherName | ApiKindName | BystanderName;

/** Every kind that Cairn reads or writes. Those of the mesh are as their definitions say. */
export const resources: Readonly<Record<ResourceName, ApiResource>> = {
  ...others,
  ...(Object.fromEntries(listApiKinds().map(({ kind, definition }) => [kind, resourceOf(kind, definition)])) as Record<
    ApiKindName | BystanderName,
    ApiResource
  >),
};

/** The resources that a control plane follows in all namespaces. */
export const watchedResources: readonly ApiResource[] = listApiKinds()
  .filter(({ definition }) => definition.api.watch === 'all')
  .map(({ kind, definition }) => resourceOf(kind, definition));

function resourceOf(kind: string, { group, versions, isNamespaced, api }: DefinitionWithApi): ApiResource {
  const [version, ...olderVersions] = versions;
  return {
    group,
    version,
    kind,
    plural: api.plural,
    namespaced: isNamespaced,
    ...(olderVersions.length === 0 ? {} : { olderVersions }),
  };
}

/** Adds a query to a path that may have one already; undefined values are left out. */
export function withQuery(
  path: string,
  query: Readonly<Record<string, string | number | boolean | undefined>> = {},
): string {
  const written = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) written.set(name, String(value));
  }
  return written.size === 0 ? path : `${path}${path.includes('?') ? '&' : '?'}${written.toString()}`;
}
