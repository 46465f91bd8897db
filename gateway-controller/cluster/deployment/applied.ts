// Compares an object in the cluster with what was rendered. Only the rendered fields are compared,
// since the API adds defaults and others add fields of their own.

import type { KubernetesObject } from '../../../kubernetes/index.ts';
import { isFields } from '../status/condition.ts';

type Fields = Readonly<Record<string, unknown>>;

/**
 * The values of `live` in the fields that `rendered` has: equal to `rendered` when the object is as
 * it should be.
 */
function project(live: unknown, rendered: unknown): unknown {
  if (Array.isArray(rendered)) return projectList(Array.isArray(live) ? live : [], rendered);
  if (!isFields(rendered)) return live;
  if (!isFields(live)) return live === undefined && isEmpty(rendered) ? rendered : live;
  return Object.fromEntries(Object.entries(rendered).map(([key, value]) => [key, project(live[key], value)]));
}

/** Empty values that the API leaves out. */
function isEmpty(fields: Fields): boolean {
  return Object.keys(fields).length === 0;
}

/**
 * Items with names are matched by name, and others' items are left alone; a list without names is
 * compared as a whole.
 */
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

/** The rendered parts of an object; `apiVersion`, `kind` and the name have found it. */
export function readApplied(live: KubernetesObject, rendered: Fields): string {
  return formatValue(project(strip(live), strip(rendered)));
}

/** The result of `readApplied` for an object that is exactly as it was rendered. */
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
