// The lists of a status that we own. The API records every writer, which distinguishes our entries
// from those of another control plane with the same words.

import type { KubernetesObject, ManagedFields } from '../../../kubernetes/index.ts';
import { isFields } from './condition.ts';

/** The prefix of all field managers of our statuses. */
export const statusManagerPrefix = 'cairn-status-';

/** The field manager of one kind of status; control planes of other revisions have their own. */
export function formatStatusManager(kind: string, revision: string): string {
  const suffix = revision === '' || revision === 'default' ? '' : `-${revision}`;
  return `${statusManagerPrefix}${kind}${suffix}`;
}

/**
 * The managed fields to keep of an object: for each of our field managers, its fields of the
 * status.
 */
export function trimManagedFields(fields: readonly ManagedFields[]): readonly ManagedFields[] {
  return fields.flatMap(({ manager = '', fieldsV1 }) => {
    const status = fieldsV1?.['f:status'];
    if (!manager.startsWith(statusManagerPrefix) || !isFields(status)) return [];
    return [{ manager, fieldsV1: { 'f:status': Object.fromEntries(Object.keys(status).map((key) => [key, {}])) } }];
  });
}

/**
 * Whether entries of a list of the status (`conditions`, `addresses`) were written last by this
 * field manager.
 */
export function ownsStatusField({ metadata }: KubernetesObject, manager: string, field: string): boolean {
  return (metadata.managedFields ?? []).some((each) => {
    const status = each.fieldsV1?.['f:status'];
    return each.manager === manager && isFields(status) && `f:${field}` in status;
  });
}
