// The fields of the kinds, as their schemas list them, and their places in an object. A path is
// written as the generator's catalogue writes it: `http[].match[].uri.exact`; `*` is any key of a
// map.

import { schemas } from '../../mesh/generated/schemas.ts';
import type { Kind } from '../../mesh/index.ts';

/** The part of JSON Schema that the kinds' schemas use. */
export interface Schema {
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, Schema>>;
  readonly type?: string | readonly string[];
  readonly enum?: readonly (string | number)[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Schema;
  readonly items?: Schema;
  readonly 'x-at-most-one'?: readonly (readonly string[])[];
}

/**
 * The steps of a path below `spec`: a property, `[]` for any item of a list, `*` for any key of a
 * map.
 */
export type Steps = readonly string[];

/** The kinds that have a schema. */
export const kinds: readonly Kind[] = Object.keys(schemas) as Kind[];

/** The schema of a kind's `spec`, and the definitions that it refers to. */
export function specSchema(kind: Kind): { readonly spec: Schema; readonly root: Schema } {
  const root = schemas[kind] as Schema;
  return { spec: root.properties?.['spec'] ?? {}, root };
}

/** A schema, or its reference. */
export function follow(schema: Schema, root: Schema): Schema {
  return schema.$ref === undefined ? schema : (root.$defs?.[schema.$ref.slice('#/$defs/'.length)] ?? {});
}

/**
 * Every field of a kind that holds a value and not other fields, in the order of the schema.
 * Recursive parts are listed once.
 */
export function listFields(kind: Kind): readonly Steps[] {
  const { spec, root } = specSchema(kind);
  const found: Steps[] = [];
  const visit = (schema: Schema, path: Steps, above: readonly Schema[]): void => {
    const { items, properties, additionalProperties } = follow(schema, root);
    const inside = [...above, follow(schema, root)];
    const children: readonly (readonly [string, Schema])[] = [
      ...(items === undefined ? [] : [['[]', items] as const]),
      ...Object.entries(properties ?? {}),
      ...(additionalProperties === undefined ? [] : [['*', additionalProperties] as const]),
    ];
    const fresh = children.filter(([, child]) => !above.includes(follow(child, root)));
    if (fresh.length === 0) found.push(path);
    for (const [step, child] of fresh) visit(child, [...path, step], inside);
  };
  visit(spec, [], []);
  return found.filter((path) => path.length > 0);
}

/** `['http', '[]', 'timeout']` as `http[].timeout`. */
export function formatSteps(steps: Steps): string {
  return steps.join('.').replaceAll('.[]', '[]');
}

/** One place where an object has a field. */
export type Place = readonly (string | number)[];

/** Every place below a value where a field is set. */
export function findPlaces(value: unknown, steps: Steps): readonly Place[] {
  const [step, ...rest] = steps;
  if (step === undefined) return value === undefined ? [] : [[]];
  if (typeof value !== 'object' || value === null) return [];
  const below = (key: string | number, child: unknown): readonly Place[] =>
    findPlaces(child, rest).map((place) => [key, ...place]);
  if (step === '[]') return Array.isArray(value) ? value.flatMap((item: unknown, index) => below(index, item)) : [];
  if (Array.isArray(value)) return [];
  return Object.entries(value)
    .filter(([key]) => step === '*' || key === step)
    .flatMap(([key, child]) => below(key, child));
}

/** A copy without the value at a place, and without parents that held nothing else. */
export function removeAt(value: unknown, [step, ...rest]: Place): unknown {
  if (step === undefined) return undefined;
  if (Array.isArray(value)) {
    const items = value.flatMap((item: unknown, index) => {
      if (index !== step) return [item];
      const left = removeAt(item, rest);
      return left === undefined ? [] : [left];
    });
    return items.length === 0 ? undefined : items;
  }
  const entries = Object.entries(value as object).flatMap(([key, child]) => {
    if (key !== step) return [[key, child] as const];
    const left = removeAt(child, rest);
    return left === undefined ? [] : [[key, left] as const];
  });
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

/** A copy with another value at a place that exists. */
export function replaceAt(value: unknown, [step, ...rest]: Place, replacement: unknown): unknown {
  if (step === undefined) return replacement;
  if (Array.isArray(value))
    return value.map((item: unknown, index) => (index === step ? replaceAt(item, rest, replacement) : item));
  return Object.fromEntries(
    Object.entries(value as object).map(([key, child]) => [
      key,
      key === step ? replaceAt(child, rest, replacement) : child,
    ]),
  );
}
