// Kinds as the API serves them, and the paths of their objects.

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

function inGroup(
  group: string,
  version: string,
  options: { readonly namespaced?: boolean; readonly olderVersions?: readonly string[] } = {},
): (kind: string, plural: string) => ApiResource {
  const { namespaced = true, olderVersions } = options;
  return (kind, plural) => ({
    group,
    version,
    kind,
    plural,
    namespaced,
    ...(olderVersions === undefined ? {} : { olderVersions }),
  });
}

const core = inGroup('', 'v1');
const coreOfCluster = inGroup('', 'v1', { namespaced: false });
const gatewayGroup = 'gateway.networking.k8s.io';
const gateway = inGroup(gatewayGroup, 'v1', { olderVersions: ['v1beta1'] });
const gatewayOnlyV1 = inGroup(gatewayGroup, 'v1');
const networking = inGroup('networking.istio.io', 'v1', { olderVersions: ['v1beta1', 'v1alpha3'] });
const security = inGroup('security.istio.io', 'v1', { olderVersions: ['v1beta1'] });
const rbac = inGroup('rbac.authorization.k8s.io', 'v1');
const rbacOfCluster = inGroup('rbac.authorization.k8s.io', 'v1', { namespaced: false });
const apps = inGroup('apps', 'v1');

type ResourceName =
  | 'namespaces'
  | 'nodes'
  | 'pods'
  | 'services'
  | 'serviceAccounts'
  | 'configMaps'
  | 'secrets'
  | 'endpointSlices'
  | 'events'
  | 'leases'
  | 'deployments'
  | 'daemonSets'
  | 'replicaSets'
  | 'horizontalPodAutoscalers'
  | 'podDisruptionBudgets'
  | 'networkPolicies'
  | 'roles'
  | 'roleBindings'
  | 'clusterRoles'
  | 'clusterRoleBindings'
  | 'tokenReviews'
  | 'subjectAccessReviews'
  | 'validatingWebhookConfigurations'
  | 'customResourceDefinitions'
  | 'gatewayClasses'
  | 'gateways'
  | 'httpRoutes'
  | 'grpcRoutes'
  | 'tcpRoutes'
  | 'tlsRoutes'
  | 'listenerSets'
  | 'referenceGrants'
  | 'backendTLSPolicies'
  | 'virtualServices'
  | 'destinationRules'
  | 'serviceEntries'
  | 'workloadEntries'
  | 'authorizationPolicies'
  | 'requestAuthentications'
  | 'peerAuthentications';

/** Every kind that Cairn reads or writes. */
export const resources: Readonly<Record<ResourceName, ApiResource>> = {
  namespaces: coreOfCluster('Namespace', 'namespaces'),
  nodes: coreOfCluster('Node', 'nodes'),
  pods: core('Pod', 'pods'),
  services: core('Service', 'services'),
  serviceAccounts: core('ServiceAccount', 'serviceaccounts'),
  configMaps: core('ConfigMap', 'configmaps'),
  secrets: core('Secret', 'secrets'),
  endpointSlices: inGroup('discovery.k8s.io', 'v1')('EndpointSlice', 'endpointslices'),
  events: inGroup('events.k8s.io', 'v1')('Event', 'events'),
  leases: inGroup('coordination.k8s.io', 'v1')('Lease', 'leases'),
  deployments: apps('Deployment', 'deployments'),
  daemonSets: apps('DaemonSet', 'daemonsets'),
  replicaSets: apps('ReplicaSet', 'replicasets'),
  horizontalPodAutoscalers: inGroup('autoscaling', 'v2')('HorizontalPodAutoscaler', 'horizontalpodautoscalers'),
  podDisruptionBudgets: inGroup('policy', 'v1')('PodDisruptionBudget', 'poddisruptionbudgets'),
  networkPolicies: inGroup('networking.k8s.io', 'v1')('NetworkPolicy', 'networkpolicies'),
  roles: rbac('Role', 'roles'),
  roleBindings: rbac('RoleBinding', 'rolebindings'),
  clusterRoles: rbacOfCluster('ClusterRole', 'clusterroles'),
  clusterRoleBindings: rbacOfCluster('ClusterRoleBinding', 'clusterrolebindings'),
  tokenReviews: inGroup('authentication.k8s.io', 'v1', { namespaced: false })('TokenReview', 'tokenreviews'),
  subjectAccessReviews: inGroup('authorization.k8s.io', 'v1', { namespaced: false })(
    'SubjectAccessReview',
    'subjectaccessreviews',
  ),
  validatingWebhookConfigurations: inGroup('admissionregistration.k8s.io', 'v1', { namespaced: false })(
    'ValidatingWebhookConfiguration',
    'validatingwebhookconfigurations',
  ),
  customResourceDefinitions: inGroup('apiextensions.k8s.io', 'v1', { namespaced: false })(
    'CustomResourceDefinition',
    'customresourcedefinitions',
  ),
  gatewayClasses: { ...gateway('GatewayClass', 'gatewayclasses'), namespaced: false },
  gateways: gateway('Gateway', 'gateways'),
  httpRoutes: gateway('HTTPRoute', 'httproutes'),
  grpcRoutes: gatewayOnlyV1('GRPCRoute', 'grpcroutes'),
  tcpRoutes: inGroup(gatewayGroup, 'v1', { olderVersions: ['v1alpha2'] })('TCPRoute', 'tcproutes'),
  tlsRoutes: inGroup(gatewayGroup, 'v1', { olderVersions: ['v1alpha3', 'v1alpha2'] })('TLSRoute', 'tlsroutes'),
  listenerSets: gatewayOnlyV1('ListenerSet', 'listenersets'),
  referenceGrants: gateway('ReferenceGrant', 'referencegrants'),
  backendTLSPolicies: inGroup(gatewayGroup, 'v1', { olderVersions: ['v1alpha3'] })(
    'BackendTLSPolicy',
    'backendtlspolicies',
  ),
  virtualServices: networking('VirtualService', 'virtualservices'),
  destinationRules: networking('DestinationRule', 'destinationrules'),
  serviceEntries: networking('ServiceEntry', 'serviceentries'),
  workloadEntries: networking('WorkloadEntry', 'workloadentries'),
  authorizationPolicies: security('AuthorizationPolicy', 'authorizationpolicies'),
  requestAuthentications: security('RequestAuthentication', 'requestauthentications'),
  peerAuthentications: security('PeerAuthentication', 'peerauthentications'),
};

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
