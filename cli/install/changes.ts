// The differences of an object that is applied again, field by field, for people to read.

import { isDeepStrictEqual } from 'node:util';
import type { KubernetesObject } from '../../kubernetes/index.ts';

/** Fields that differ: `spec.replicas: 2 → 3`. Only the parts that people write count. */
export function listChanges(before: KubernetesObject, after: KubernetesObject): readonly string[] {
  return compare(withoutBookkeeping(before), withoutBookkeeping(after), '');
}

/** Fields that the API server fills in can change a version too. */
function withoutBookkeeping({ metadata, status: _status, ...rest }: KubernetesObject): unknown {
  const { resourceVersion: _version, managedFields: _fields, generation: _generation, ...meta } = metadata;
  return { ...rest, metadata: meta };
}

function compare(before: unknown, after: unknown, path: string): readonly string[] {
  if (isDeepStrictEqual(before, after)) return [];
  const [left, right] = [children(before), children(after)];
  if (left === undefined || right === undefined) return [`${path}: ${format(before)} → ${format(after)}`];
  const keys = new Set([...left.keys(), ...right.keys()]);
  return [...keys].flatMap((key) => compare(left.get(key), right.get(key), path === '' ? key.slice(1) : path + key));
}

/**
 * The fields of a mapping, or the items of a list by their names where they have some; undefined
 * for anything else.
 */
function children(value: unknown): ReadonlyMap<string, unknown> | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (!Array.isArray(value)) {
    return new Map(Object.entries(value).map(([key, field]) => [/^\w+$/.test(key) ? `.${key}` : `['${key}']`, field]));
  }
  return new Map(value.map((item: unknown, index) => [`[${nameOf(item) ?? index}]`, item]));
}

function nameOf(item: unknown): string | undefined {
  const name = typeof item === 'object' && item !== null && 'name' in item ? item.name : undefined;
  return typeof name === 'string' ? name : undefined;
}

function format(value: unknown): string {
  return value === undefined ? 'none' : JSON.stringify(value);
}
