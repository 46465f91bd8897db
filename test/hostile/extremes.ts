// Objects that their schemas allow and nobody writes: fields of any kind set to the ends of their
// ranges, by seed.

import assert from 'node:assert/strict';
import { follow, type Schema, specSchema } from '../catalogue/fields.ts';
import type { Kind } from '../../mesh/index.ts';
import type { Dice } from './mutation.ts';

/** Texts that mean something somewhere, or nothing anywhere. */
const texts: readonly string[] = [
  '',
  ' ',
  '/',
  '//',
  '*',
  '**',
  '%',
  '%%',
  '%REQ(x)%',
  '%NOPE%',
  '%PREFIX()%',
  '{a}',
  '{*}',
  '/{**}/x',
  '(',
  'a.*',
  '\\',
  '\\1',
  '"',
  "'",
  'a b',
  ' a',
  'a\nb',
  'a\r\nx: y',
  '\t',
  '\u007f',
  'é',
  '💥',
  '-1',
  '0',
  'true',
  'null',
  '65536',
  '127.0.0.1',
  '::1',
  '0.0.0.0/0',
  '::/0',
  '300.1.1.1',
  'x/y',
  'x:y',
  'spiffe://a',
  'https://a.example/b?c#d',
  'http://[::1]:1/',
  'host',
  'Host',
  ':path',
  ':authority',
  'content-length',
  'transfer-encoding',
  'connection',
  'te',
  'x-envoy-original-path',
  'set-cookie',
  'a'.repeat(63),
  'a'.repeat(254),
  'b'.repeat(20_000),
  '/etc/passwd',
  'kubernetes://secret',
  '5xx,gateway-error,nope,500',
];
const hosts: readonly string[] = [
  'web',
  'api',
  'db',
  'web.shop.svc.cluster.local',
  '*.shop.svc.cluster.local',
  'outside.example',
  '*.outside.example',
  'gone',
];
const durations: readonly string[] = [
  '0s',
  '1ns',
  '999us',
  '1ms',
  '0.5ms',
  '1s',
  '1h1m1s1ms',
  '8760h',
  '876000h',
  '2562047h',
  '99999h',
  '315576000000s',
  '-1s',
];
const names: readonly string[] = [
  'web',
  'api',
  'db',
  'waypoint',
  'shop',
  'http',
  'v1',
  'mesh',
  'a',
  'a-b',
  'a'.repeat(63),
];
const numbers: readonly number[] = [
  0,
  1,
  2,
  3,
  99,
  100,
  101,
  200,
  204,
  301,
  500,
  599,
  600,
  65_535,
  65_536,
  1024 * 1024,
  5_000_011,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 32,
  Number.MAX_SAFE_INTEGER,
  -1,
  0.000_01,
  0.0001,
  99.9999,
  1e-9,
];

/** Keys of maps. */
const extremeKeys: readonly string[] = [...texts, 'x-a', 'X-B'].filter((text) => text.length < 100);

/**
 * Sets one to six fields of an object's spec, at any depth, to a random value that its schema does
 * not forbid at once.
 */
export function setExtremes(object: Readonly<Record<string, unknown>>, kind: Kind, dice: Dice): unknown {
  const changed = structuredClone({ ...object, spec: object['spec'] ?? {} }) as Record<string, unknown>;
  const { spec, root } = specSchema(kind);
  for (let count = dice(6); count >= 0; count--) {
    const spots = listSpots(changed['spec'], spec, root);
    const spot = spots[dice(Math.max(1, spots.length))];
    if (spot !== undefined) change(spot, root, dice);
  }
  return changed;
}

interface Spot {
  readonly holder: Record<string, unknown> | unknown[];
  readonly schema: Schema;
}

function listSpots(value: unknown, written: Schema, root: Schema): readonly Spot[] {
  if (typeof value !== 'object' || value === null) return [];
  const schema = follow(written, root);
  const holder = value as Spot['holder'];
  const below = Object.entries(value).flatMap(([key, child]) =>
    listSpots(child, schema.properties?.[key] ?? schema.additionalProperties ?? schema.items ?? {}, root),
  );
  return [{ holder, schema }, ...below];
}

function change({ holder, schema }: Spot, root: Schema, dice: Dice): void {
  if (Array.isArray(holder)) {
    if (schema.items !== undefined) holder.push(randomValue(schema.items, root, '', dice, 0));
    return;
  }
  const properties = Object.entries(schema.properties ?? {});
  const [name, child] = properties[dice(Math.max(1, properties.length))] ?? [];
  if (name !== undefined && child !== undefined) {
    const rivals = (schema['x-at-most-one'] ?? []).filter((group) => group.includes(name)).flat();
    for (const rival of rivals) if (dice(8) > 0) Reflect.deleteProperty(holder, rival);
    holder[name] = randomValue(child, root, name, dice, 0);
  } else if (schema.additionalProperties !== undefined) {
    const key = pick(dice, [...extremeKeys, ...names]);
    holder[key] = randomValue(schema.additionalProperties, root, key, dice, 0);
  }
}

function pick<T>(dice: Dice, list: readonly T[]): T {
  const found = list[dice(list.length)];
  assert(found !== undefined, 'a list to pick from is empty');
  return found;
}

function randomValue(written: Schema, root: Schema, name: string, dice: Dice, depth: number): unknown {
  const schema = follow(written, root);
  if (schema.enum !== undefined) return pick(dice, schema.enum);
  const type = typeof schema.type === 'string' ? schema.type : (schema.type ?? [])[0];
  switch (type) {
    case 'boolean':
      return dice(2) === 0;
    case 'integer':
    case 'number':
      return pick(dice, fittingNumbers(schema, type));
    case 'array':
      return Array.from({ length: Math.max(schema.minItems ?? 0, dice(3)) }, () =>
        randomValue(schema.items ?? {}, root, name, dice, depth + 1),
      );
    case 'object':
      return randomObject(schema, root, dice, depth);
    default:
      return randomText(schema, name, dice);
  }
}

type Limits = Pick<Schema, 'minimum' | 'maximum' | 'pattern' | 'minLength' | 'maxLength'>;

function fittingNumbers({ minimum, maximum }: Limits, type: 'integer' | 'number'): readonly number[] {
  return [...new Set([minimum, maximum, ...numbers])].filter(
    (value): value is number =>
      value !== undefined &&
      value >= (minimum ?? 0) &&
      value <= (maximum ?? Infinity) &&
      (type === 'number' || Number.isInteger(value)),
  );
}

function fittingTexts(
  { pattern, minLength = 0, maxLength = Infinity }: Limits,
  all: readonly string[],
): readonly string[] {
  const shape = pattern === undefined ? undefined : new RegExp(pattern, 'u');
  return all.filter((text) => (shape?.test(text) ?? true) && text.length >= minLength && text.length <= maxLength);
}

function randomText(limits: Limits, name: string, dice: Dice): string {
  const known = /host/i.test(name)
    ? hosts
    : /time|duration|interval|delay|ttl|age|backoff/i.test(name)
      ? durations
      : names;
  const likely = fittingTexts(limits, dice(2) === 0 ? known : [...texts, ...durations, ...hosts]);
  const fitting = likely.length > 0 ? likely : fittingTexts(limits, [...names, ...texts]);
  return fitting.length === 0 ? 'a' : pick(dice, fitting);
}

function randomObject(schema: Schema, root: Schema, dice: Dice, depth: number): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  const taken = new Set<string>();
  for (const [name, child] of Object.entries(schema.properties ?? {})) {
    const isRequired = schema.required?.includes(name) === true;
    if (!isRequired && (taken.has(name) || dice(3 + depth) > 0)) continue;
    object[name] = randomValue(child, root, name, dice, depth + 1);
    for (const group of schema['x-at-most-one'] ?? [])
      if (group.includes(name)) group.forEach((rival) => taken.add(rival));
  }
  if (schema.additionalProperties !== undefined) {
    for (let count = dice(3); count > 0; count--) {
      const key = pick(dice, [...extremeKeys, ...names]);
      object[key] = randomValue(schema.additionalProperties, root, key, dice, depth + 1);
    }
  }
  return object;
}
