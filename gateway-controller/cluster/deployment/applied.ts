// Whether an object in the cluster still is what was rendered: only what we say of it is compared, since the API adds defaults and
// others add fields of their own.

import type { KubernetesObject } from '../../../kubernetes/index.ts';
import { isFields } from '../status/condition.ts';

type Fields = Readonly<Record<string, unknown>>;

/** The values that `live` has where `rendered` says something: equal to `rendered` when the object is as it should be. */
function project(live: unknown, rendered: unknown): unknown {
  if (Array.isArray(rendered)) return projectList(Array.isArray(live) ? live : [], rendered);
  if (!isFields(rendered)) return live;
  if (!isFields(live)) return live === undefined && isEmpty(rendered) ? rendered : live;
  return Object.fromEntries(Object.entries(rendered).map(([key, value]) => [key, project(live[key], value)]));
}

/** What the API leaves out when it is empty. */
function isEmpty(fields: Fields): boolean {
  return Object.keys(fields).length === 0;
}

/** Items with names are found by them, and others' items are theirs; a list without names is compared as a whole. */
function projectList(live: readonly unknown[], rendered: readonly unknown[]): unknown {
  if (!rendered.every(hasName)) {
    const rest = live.slice(rendered.length);
    return [...rendered.map((item, index) => project(live[index], item)), ...rest];
  }
  return rendered.map((item) => {
    const found = live.find((each) => hasName(each) && each.name === item.name);
    return project(found, item);
  });
}

function hasName(item: unknown): item is { readonly name: string } {
  return isFields(item) && typeof item['name'] === 'string';
}

/** The parts of an object that are rendered; `apiVersion`, `kind` and the name are what it was found by. */
export function readApplied(live: KubernetesObject, rendered: Fields): string {
  return formatValue(project(strip(live), strip(rendered)));
}

/** What `readApplied` gives of an object that is exactly as it was rendered. */
export function formatRendered(rendered: Fields): string {
  return formatValue(strip(rendered));
}

function strip(object: Fields): Fields {
  const { apiVersion: _version, kind: _kind, status: _status, metadata, ...rest } = object;
  const { labels, annotations, ownerReferences } = isFields(metadata) ? metadata : {};
  return { ...rest, metadata: { labels, annotations, ownerReferences } };
}

/** JSON with sorted keys, so that equal values have equal texts. */
export function formatValue(value: unknown): string {
  return JSON.stringify(value, (_key, each: unknown) =>
    isFields(each) ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1))) : each,
  );
}
