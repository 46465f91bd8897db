// Spoils manifests: by seed, so that every run tries the same ones.

import { parseAllDocuments, stringify } from 'yaml';

/** A number from 0 up to (not including) `limit`, another each time. */
export type Dice = (limit: number) => number;

/** Dice that fall the same way for the same seed (mulberry32). */
export function createDice(seed: number): Dice {
  let state = seed | 0;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  };
}

/** Values that nobody means. */
const oddities: readonly unknown[] = [
  null,
  '',
  '*',
  '(',
  '(a{1000}){1000}',
  '[',
  '%',
  '%REQ(x)%',
  '\u0000',
  '\ud800',
  '../../etc',
  '💥',
  'a'.repeat(10_000),
  '{**}/{**}',
  '-1s',
  '99999999999999h',
  '1e999s',
  '{"keys": 5}',
  '{"keys": [{"kty": "RSA", "n": "AQ", "e": "AQ"}]}',
  '256.256.256.256/99',
  '::ffff:1.2.3.4/200',
  0,
  -1,
  65_536,
  2 ** 53,
  1e308,
  0.1,
  true,
  [],
  {},
  [null],
  [{}],
  { exact: 'a', prefix: 'b' },
  Object.fromEntries([['__proto__', { polluted: true }]]),
  JSON.parse('{"__proto__": {"polluted": true}, "constructor": {"prototype": {"polluted": true}}}'),
];
const oddKeys = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', '', '0', '<<', 'regex', 'exact', 'a\nb'];

/**
 * Makes texts of one text, each changed by one or two mutations: in its values, or in its letters.
 */
export function createMutator(text: string): (dice: Dice) => string {
  const original: readonly unknown[] = parseAllDocuments(text, { uniqueKeys: false }).map((document): unknown =>
    document.toJS(),
  );
  return (dice) => {
    if (dice(3) === 0) return mutateLetters(text, dice);
    const documents = structuredClone([...original]);
    for (let count = dice(2); count >= 0; count--) mutateValue(documents, dice);
    return documents.map((document) => stringify(document, { aliasDuplicateObjects: false })).join('---\n');
  };
}

function mutateLetters(text: string, dice: Dice): string {
  const at = dice(text.length + 1);
  const length = 1 + dice(20);
  const lines = text.split('\n');
  const line = dice(lines.length);
  switch (dice(7)) {
    case 0:
      return text.slice(0, at);
    case 1:
      return text.slice(0, at) + text.slice(at + length);
    case 2:
      return text.slice(0, at) + '\u0000\ufffd\u202e'.charAt(dice(3)) + text.slice(at);
    case 3:
      return text.slice(0, at) + '[{"&*!|>%@`\t\r'.charAt(dice(13)) + text.slice(at);
    case 4:
      return lines.toSpliced(line, 1).join('\n');
    case 5:
      return lines.toSpliced(line, 0, lines[dice(lines.length)] ?? '').join('\n');
    default:
      return lines.with(line, `${' '.repeat(dice(5))}${lines[line] ?? ''}`).join('\n');
  }
}

interface Spot {
  readonly holder: Record<string, unknown> | unknown[];
  readonly key: string | number;
}

function mutateValue(documents: unknown[], dice: Dice): void {
  const spots = documents.flatMap((document) => spotsOf(document));
  const spot = spots[dice(Math.max(1, spots.length))];
  if (spot === undefined) return;
  const { holder } = spot;
  const old = Reflect.get(holder, spot.key) as unknown;
  const set = (value: unknown): void => {
    Object.defineProperty(holder, spot.key, { value, enumerable: true, configurable: true, writable: true });
  };
  switch (dice(6)) {
    case 0:
      if (Array.isArray(holder)) holder.splice(Number(spot.key), 1);
      else Reflect.deleteProperty(holder, spot.key);
      return;
    case 1:
      return set(nest(old, 1 + dice(200), dice));
    case 2: {
      const other = spots[dice(spots.length)];
      return set(other === undefined ? null : structuredClone(Reflect.get(other.holder, other.key)));
    }
    case 3:
      if (Array.isArray(holder)) return void holder.push(structuredClone(old));
      Object.defineProperty(holder, oddKeys[dice(oddKeys.length)] ?? '', {
        value: old,
        enumerable: true,
        configurable: true,
      });
      return;
    case 4:
      return set(typeof old === 'string' ? old + String(oddities[dice(21)]) : oddityOf(dice));
    default:
      return set(oddityOf(dice));
  }
}

/** A copy, so that no mutation changes what later ones take. */
function oddityOf(dice: Dice): unknown {
  return structuredClone(oddities[dice(oddities.length)]);
}

function spotsOf(value: unknown): readonly Spot[] {
  if (typeof value !== 'object' || value === null) return [];
  const holder = value as Record<string, unknown> | unknown[];
  return Object.keys(holder).flatMap((key) => [{ holder, key }, ...spotsOf(Reflect.get(holder, key))]);
}

function nest(value: unknown, depth: number, dice: Dice): unknown {
  const inList = dice(2) === 0;
  let nested = structuredClone(value);
  for (let level = 0; level < depth; level++) nested = inList ? [nested] : { a: nested };
  return nested;
}
