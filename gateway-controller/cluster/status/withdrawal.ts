// Removes statuses when a control plane is removed for good: none of its entries may stay on
// objects that stay. The API knows the owner, so others' entries are kept.

import { ApiError, type ApiClient, type ApiResource, type KubernetesObject } from '../../../kubernetes/index.ts';
import { formatStatusManager, ownsStatusField } from './ownership.ts';
import { findStatusKind, listenerSetKind, type StatusKind, statusKindNames } from './resolve-status.ts';
import { routeControllerName } from './route-status.ts';
import type { WantedStatus } from './status.ts';
import { planStatusWrite } from './status-write.ts';

/** The owner of the statuses to remove. */
export interface WithdrawnControlPlane {
  readonly controllerName: string;
  /** Empty: the default revision. */
  readonly revision: string;
  /** Counts only. */
  readonly dryRun: boolean;
}

/** Another writer may change an object between our read and our write. */
const attempts = 5;

/**
 * Removes all entries of a control plane that no longer runs from statuses. Returns the number of
 * objects by kind, without kinds that had none.
 */
export async function withdrawStatuses(
  client: ApiClient,
  plane: WithdrawnControlPlane,
): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  for (const name of [...statusKindNames, listenerSetKind]) {
    const kind = findStatusKind(name);
    if (kind === undefined) continue;
    const manager = formatStatusManager(kind.manager, plane.revision);
    const { resource, objects } = await listServed(client, kind.resource);
    for (const object of objects) {
      if (!isWriter(object, manager)) continue;
      if (!(await withdraw(client, { ...kind, resource }, { ...object, kind: name }, plane))) continue;
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
  }
  return counts;
}

function isWriter({ metadata }: KubernetesObject, manager: string): boolean {
  return (metadata.managedFields ?? []).some((each) => each.manager === manager);
}

async function withdraw(
  client: ApiClient,
  kind: StatusKind,
  first: KubernetesObject,
  plane: WithdrawnControlPlane,
): Promise<boolean> {
  const fieldManager = formatStatusManager(kind.manager, plane.revision);
  let current: KubernetesObject | undefined = first;
  for (let attempt = 1; ; attempt += 1) {
    const object = planWithdrawal(current, kind, plane);
    if (object === undefined) return false;
    if (plane.dryRun) return true;
    try {
      await client.apply(kind.resource, object, { fieldManager, force: true, subresource: 'status' });
      return true;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 404) return false;
      if (error.status !== 409 || attempt === attempts) throw error;
      const { namespace, name } = current.metadata;
      const found: KubernetesObject | undefined = await client.get(kind.resource, namespace, name);
      if (found === undefined) return false;
      current = { ...found, kind: first.kind ?? '' };
    }
  }
}

/** The object to apply to the subresource `status`; undefined when nothing of it is ours. */
function planWithdrawal(
  current: KubernetesObject,
  kind: StatusKind,
  plane: Pick<WithdrawnControlPlane, 'controllerName' | 'revision'>,
): KubernetesObject | undefined {
  const fieldManager = formatStatusManager(kind.manager, plane.revision);
  if (kind.mergesConditions) {
    const { name, namespace } = current.metadata;
    // The fields that a field manager no longer applies are removed, and no others.
    return isWriter(current, fieldManager)
      ? { metadata: { name, ...(namespace === undefined ? {} : { namespace }) } }
      : undefined;
  }
  const nothing = sayNothing(current, fieldManager);
  const settings = { ...plane, gatewayClass: '', clusterDomain: '' };
  const controllerName = nothing.kind === 'policy' ? plane.controllerName : routeControllerName({ settings });
  return planStatusWrite(current, nothing, { kind, fieldManager, isGuest: true, controllerName, now: '' });
}

function sayNothing(current: KubernetesObject, fieldManager: string): WantedStatus {
  if (ownsStatusField(current, fieldManager, 'parents')) return { kind: 'route', parents: [] };
  if (ownsStatusField(current, fieldManager, 'ancestors')) return { kind: 'policy', ancestors: [] };
  const hasAddresses = ownsStatusField(current, fieldManager, 'addresses');
  return { kind: 'conditions', conditions: [], ...(hasAddresses ? { addresses: [] } : {}) };
}

/** All objects of a kind, in the version that the cluster has; none where it has no such kind. */
async function listServed(
  client: ApiClient,
  resource: ApiResource,
): Promise<{ readonly resource: ApiResource; readonly objects: readonly KubernetesObject[] }> {
  for (const version of [resource.version, ...(resource.olderVersions ?? [])]) {
    const candidate = { ...resource, version };
    try {
      return { resource: candidate, objects: await client.list(candidate) };
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 404) throw error;
    }
  }
  return { resource, objects: [] };
}
