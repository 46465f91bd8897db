// Keys of indexes that several kinds share.

import { serviceAccountOf } from '../account.ts';
import { isWildcardHost, resolveHost } from '../host.ts';
import {
  gatewayGroup,
  isCoreGroup,
  networkingGroup,
  noWaypoint,
  useWaypointLabel,
  useWaypointNamespaceLabel,
} from '../labels.ts';
import type { ObjectMeta } from '../metadata.ts';
import type { MeshSettings } from '../settings.ts';
import type { RouteParentRef } from './gateway-route/spec.ts';

interface Named {
  readonly metadata: ObjectMeta;
}

/** The namespace of an object. */
export function namespaceKeys({ metadata }: Named): readonly string[] {
  return [metadata.namespace];
}

/** `<gateway namespace>/<gateway name>` of the waypoint that labels name. */
export function waypointKeys({ labels }: ObjectMeta, ownNamespace: string): readonly string[] {
  const name = labels[useWaypointLabel];
  if (name === undefined || name === '' || name === noWaypoint) return [];
  return [`${labels[useWaypointNamespaceLabel] ?? ownNamespace}/${name}`];
}

/** Hosts, fully qualified by the object's namespace; wildcards under their own text. */
export function hostKeys(
  { metadata }: Named,
  hosts: readonly string[] | undefined,
  settings: MeshSettings,
): readonly string[] {
  return (hosts ?? []).map((host) => resolveHost(host, metadata.namespace, settings.clusterDomain));
}

/** '' for an object with a wildcard host. */
export function wildcardKeys(hosts: readonly string[] | undefined): readonly string[] {
  return (hosts ?? []).some(isWildcardHost) ? [''] : [];
}

/** `<namespace>/<label>=<value>`. */
export function formatLabelKey(namespace: string, label: string, value: string): string {
  return `${namespace}/${label}=${value}`;
}

/** `<namespace>/<label>=<value>` for each label. */
export function labelKeys({ metadata }: Named, labels: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(labels).map(([label, value]) => formatLabelKey(metadata.namespace, label, value));
}

/** `<namespace>/<service account>`. */
export function formatAccountKey(namespace: string, account: string | undefined): string {
  return `${namespace}/${serviceAccountOf(account)}`;
}

/**
 * `<kind>/<namespace>/<name>` of a parent of a route in `namespace`; undefined for parents that are
 * no service.
 */
export function formatParentKey(parent: RouteParentRef, namespace: string): string | undefined {
  const { group = gatewayGroup, kind = 'Gateway', name } = parent;
  const isService =
    (isCoreGroup(group) && kind === 'Service') || (group === networkingGroup && kind === 'ServiceEntry');
  return isService ? `${kind}/${parent.namespace ?? namespace}/${name}` : undefined;
}

/** The keys of a route's parents that are services. */
export function parentKeys({
  metadata,
  spec,
}: Named & { readonly spec: { readonly parentRefs?: readonly RouteParentRef[] } }): readonly string[] {
  return (spec.parentRefs ?? []).flatMap((parent) => formatParentKey(parent, metadata.namespace) ?? []);
}

interface TargetName {
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
}

/**
 * `<kind>/<namespace>/<name>` of each target of a policy; the namespace of a GatewayClass is ''.
 */
export function targetKeys({
  metadata,
  spec,
}: Named & { readonly spec: { readonly targetRefs?: readonly TargetName[] } }): readonly string[] {
  return (spec.targetRefs ?? []).map(({ kind, namespace, name }) =>
    kind === 'GatewayClass' ? `${kind}//${name}` : `${kind}/${namespace ?? metadata.namespace}/${name}`,
  );
}
