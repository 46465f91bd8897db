import {
  array,
  assert,
  boolean,
  constant,
  constantFrom,
  dictionary,
  integer,
  letrec,
  oneof,
  property,
  string,
} from 'fast-check';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { formatYaml } from './yaml.ts';

const booleans = ['y', 'Y', 'yes', 'Yes', 'n', 'N', 'no', 'on', 'On', 'ON', 'off', 'OFF', 'true', 'False', 'TRUE'];
const nothing = ['', '~', 'null', 'Null', 'NULL', '<<', '=', '.inf', '-.INF', '.NaN', 'nan', '+.inf'];
const numbers = [
  '.',
  '-.',
  'e0',
  '010',
  '0o7',
  '08',
  '0x1F',
  '0b11',
  '1_000',
  '1,000',
  '1:20',
  '190:20:30.15',
  '.5',
  '-.5e3',
  '5.',
  '1e3',
  '+12',
];
const dates = ['2026-01-01', '2026-1-1', '2026-01-01T10:00:00Z', '2001-12-14 21:59:43.10 -5'];
const marks = [
  'a\u2028b',
  'a\u0085b',
  '\ufeffa',
  'a: b',
  '# a',
  'a\nb',
  ' a',
  '- a',
  '!a',
  '&a',
  '*a',
  '%a',
  '@a',
  '`a`',
  '{',
  '|',
];

it.each([...booleans, ...nothing, ...numbers, ...dates])('%j is quoted, as a value, a key and an item', (text) => {
  expect(formatYaml({ a: text, [text]: 'b', list: [text] })).toBe(`a: "${text}"\n"${text}": b\nlist:\n  - "${text}"\n`);
});

it.each(['10s', '1.2.3', '10.0.0.1', 'fd00::1', 'none-of-it', 'yesterday', 'no.example', 'v1', '1a', 'a/b:80'])(
  '%j needs no quotes',
  (text) => {
    expect(formatYaml({ a: text })).toBe(`a: ${text}\n`);
  },
);

it.each(['1.1', '1.2'] as const)('is read back by readers of YAML %s', (version) => {
  const text = oneof(constantFrom(...booleans, ...nothing, ...numbers, ...dates, ...marks), string());
  const tree = letrec((tie) => ({
    value: oneof(text, integer(), boolean(), constant(null), tie('list'), tie('map')),
    list: array(tie('value'), { maxLength: 3 }),
    map: dictionary(text, tie('value'), { maxKeys: 3 }),
  })).map;
  assert(
    property(tree, (value) => {
      expect(parse(formatYaml(value), { version, merge: true })).toEqual(value);
    }),
    { numRuns: 300 },
  );
});
