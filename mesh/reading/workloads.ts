// Objects that make pods: of a Deployment and its like the template is read as one Pod.

import { pick, recordOf } from '../fields.ts';
import type { Fields } from '../fields.ts';

/** The path of the pod template, in the kinds that make pods. */
const templatePaths: Readonly<Record<string, { readonly group: string; readonly path: readonly string[] }>> = {
  Deployment: { group: 'apps', path: ['spec', 'template'] },
  StatefulSet: { group: 'apps', path: ['spec', 'template'] },
  DaemonSet: { group: 'apps', path: ['spec', 'template'] },
  ReplicaSet: { group: 'apps', path: ['spec', 'template'] },
  Job: { group: 'batch', path: ['spec', 'template'] },
  CronJob: { group: 'batch', path: ['spec', 'jobTemplate', 'spec', 'template'] },
};

/** Whether objects of a kind make pods. */
export function makesPods(kind: string): boolean {
  return Object.hasOwn(templatePaths, kind);
}

/**
 * The pods that an object of another kind makes, as one Pod of its name; undefined for kinds that
 * make none.
 */
export function podOfTemplate(object: Fields): Fields | undefined {
  const kind = String(object['kind']);
  const found = makesPods(kind) ? templatePaths[kind] : undefined;
  if (found === undefined || !String(object['apiVersion']).startsWith(`${found.group}/`)) return undefined;
  const template = found.path.reduce<Fields>((value, field) => recordOf(value[field]), object);
  const own = pick(recordOf(object['metadata']), ['namespace', 'name']);
  const metadata = { ...pick(recordOf(template['metadata']), ['labels', 'annotations']), ...own };
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: recordOf(template['spec']) };
}
