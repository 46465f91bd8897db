// Null is no value: the API server takes a field that is null for absent. A map of text to text
// that is part of Kubernetes itself keeps the key, with empty text. A null in a list stays too, and
// is refused like any item of a wrong type.

import { isRecord } from '../fields.ts';

type Fields = Readonly<Record<string, unknown>>;

/** The maps that keep the keys of their nulls, by the path to them. */
const textMaps: readonly (readonly [kind: string | undefined, path: readonly [string, string]])[] = [
  [undefined, ['metadata', 'labels']],
  [undefined, ['metadata', 'annotations']],
  ['Service', ['spec', 'selector']],
];

/** The object as the API server takes it. */
export function withoutNulls(object: Fields): Fields {
  const plain = { ...(dropNulls(object) as Fields) };
  for (const [kind, [outer, inner]] of textMaps) {
    if (kind !== undefined && kind !== object['kind']) continue;
    const around = object[outer];
    const map = isRecord(around) ? around[inner] : undefined;
    if (!isRecord(map) || !Object.values(map).includes(null)) continue;
    plain[outer] = {
      ...(plain[outer] as Fields),
      [inner]: Object.fromEntries(Object.entries(map).map(([key, value]) => [key, value ?? ''])),
    };
  }
  return plain;
}

/** Parts without a null stay the same values: most objects have none. */
function dropNulls(value: unknown): unknown {
  if (Array.isArray(value)) {
    const items: readonly unknown[] = value.map(dropNulls);
    return items.every((item, index) => item === value[index]) ? value : items;
  }
  if (!isRecord(value)) return value;
  const entries = Object.entries(value);
  const kept = entries.filter(([, field]) => field !== null).map(([name, field]) => [name, dropNulls(field)] as const);
  const isSame = kept.length === entries.length && kept.every(([, field], index) => field === entries[index]?.[1]);
  return isSame ? value : Object.fromEntries(kept);
}
