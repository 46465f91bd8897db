// Which lists of a status are ours: what the API writes down of every writer says so, and tells ours from those of another control plane
// that speaks of the same objects in the same words.

import type { KubernetesObject, ManagedFields } from '../../../kubernetes/index.ts';
import { isFields } from './condition.ts';

/** What the names of all field managers of our statuses begin with. */
export const statusManagerPrefix = 'cairn-status-';

/** The field manager of one kind of status; control planes of other revisions have their own. */
export function formatStatusManager(kind: string, revision: string): string {
  const suffix = revision === '' || revision === 'default' ? '' : `-${revision}`;
  return `${statusManagerPrefix}${kind}${suffix}`;
}

/** What to keep of an object's managed fields: for each of our field managers, which fields of the status are its own. */
export function trimManagedFields(fields: readonly ManagedFields[]): readonly ManagedFields[] {
  return fields.flatMap(({ manager = '', fieldsV1 }) => {
    const status = fieldsV1?.['f:status'];
    if (!manager.startsWith(statusManagerPrefix) || !isFields(status)) return [];
    return [{ manager, fieldsV1: { 'f:status': Object.fromEntries(Object.keys(status).map((key) => [key, {}])) } }];
  });
}

/** Whether entries of a list of the status (`conditions`, `addresses`) were written last by this field manager. */
export function ownsStatusField({ metadata }: KubernetesObject, manager: string, field: string): boolean {
  return (metadata.managedFields ?? []).some((each) => {
    const status = each.fieldsV1?.['f:status'];
    return each.manager === manager && isFields(status) && `f:${field}` in status;
  });
}
