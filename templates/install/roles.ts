// The permissions of the control plane. Cluster-wide it reads the mesh, and writes waypoint objects
// and status. It sees Secrets in its own namespace only, and only its own.

import { gatewayGroup, listApiKinds } from '../../mesh/index.ts';
import type { TemplateObject } from '../object.ts';
import { rootCertificateMap } from '../waypoint/pod.ts';
import { authoritySecret, formatWebhookName, leaseName, pluggedAuthoritySecret } from './names.ts';

/** One rule of a Role or ClusterRole. */
export interface PolicyRule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
}

const read = ['get', 'list', 'watch'];
const write = ['create', 'update', 'patch', 'delete'];
const change = ['update', 'patch'];

/** One rule for each API group of the mesh, for what its kinds are called in the API. */
function renderMeshRules(
  kinds: ReturnType<typeof listApiKinds>,
  verbs: readonly string[],
  subresource = '',
): readonly PolicyRule[] {
  const groups = [...new Set(kinds.map(({ definition }) => definition.group))];
  return groups.map((group) => ({
    apiGroups: [group],
    resources: kinds
      .filter(({ definition }) => definition.group === group)
      .map(({ definition }) => `${definition.api.plural}${subresource}`),
    verbs,
  }));
}

/** Rules for the whole cluster. */
export function renderClusterRules(namespace: string): readonly PolicyRule[] {
  const kinds = listApiKinds();
  return [
    // The objects of the mesh.
    ...renderMeshRules(kinds, read),
    { apiGroups: [''], resources: ['serviceaccounts'], verbs: read },
    // The objects that are deployed for Gateways.
    { apiGroups: ['apps'], resources: ['deployments'], verbs: [...read, ...write] },
    { apiGroups: [''], resources: ['services', 'serviceaccounts'], verbs: write },
    { apiGroups: ['autoscaling'], resources: ['horizontalpodautoscalers'], verbs: [...read, ...write] },
    { apiGroups: ['policy'], resources: ['poddisruptionbudgets'], verbs: [...read, ...write] },
    { apiGroups: [gatewayGroup], resources: ['gatewayclasses'], verbs: ['create'] },
    // The root certificate, in every namespace with a waypoint. RBAC cannot restrict `create` to a
    // name.
    { apiGroups: [''], resources: ['configmaps'], verbs: ['create'] },
    {
      apiGroups: [''],
      resources: ['configmaps'],
      verbs: [...change, 'delete'],
      resourceNames: [rootCertificateMap.name],
    },
    // Status and Events.
    ...renderMeshRules(
      kinds.filter(({ definition }) => definition.access === 'status'),
      change,
      '/status',
    ),
    // Whether a waypoint accepted its configuration stands on its Pod.
    { apiGroups: [''], resources: ['pods/status'], verbs: change },
    { apiGroups: ['', 'events.k8s.io'], resources: ['events'], verbs: ['create', 'patch'] },
    // The owner of a token that asks for a certificate.
    { apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] },
    // The certificate that the API server expects of the webhook.
    {
      apiGroups: ['admissionregistration.k8s.io'],
      resources: ['validatingwebhookconfigurations'],
      verbs: [...read, ...change],
      resourceNames: [formatWebhookName(namespace)],
    },
  ];
}

/** Rules for the control plane's own namespace. */
export const namespaceRules: readonly PolicyRule[] = [
  { apiGroups: [''], resources: ['secrets'], verbs: ['create'] },
  { apiGroups: [''], resources: ['secrets'], verbs: ['get', ...change], resourceNames: [authoritySecret] },
  { apiGroups: [''], resources: ['secrets'], verbs: ['get'], resourceNames: [pluggedAuthoritySecret] },
  { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['create'] },
  {
    apiGroups: ['coordination.k8s.io'],
    resources: ['leases'],
    verbs: ['get', ...change, 'delete'],
    resourceNames: [leaseName],
  },
];

type Named = Pick<TemplateObject, 'metadata'>;

/**
 * A role, cluster-wide unless its metadata names a namespace, and its binding to a service account.
 */
export function renderRole(
  { metadata }: Named,
  rules: readonly PolicyRule[],
  account: { readonly name: string; readonly namespace: string },
): readonly TemplateObject[] {
  const apiVersion = 'rbac.authorization.k8s.io/v1';
  const kind = metadata.namespace === undefined ? 'ClusterRole' : 'Role';
  return [
    { apiVersion, kind, metadata, rules },
    {
      apiVersion,
      kind: `${kind}Binding`,
      metadata,
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind, name: metadata.name },
      subjects: [{ kind: 'ServiceAccount', ...account }],
    },
  ];
}
