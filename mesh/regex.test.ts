import { createRequire } from 'node:module';
import { expect, it, onTestFinished, vi } from 'vitest';
import { checkRegex } from './regex.ts';

it.each([
  '',
  '/reviews/[0-9]+',
  '(?i)abc',
  '[[:alpha:]]+',
  'a{1000}',
  String.raw`\p{L}{20}`,
  '(?P<name>x)',
  '[à-ü]',
  String.raw`\x{ff}`,
  String.raw`\\x{100}`,
])('%s is a pattern', (pattern) => {
  expect(checkRegex(pattern)).toBeUndefined();
});

it.each([
  ['(', /missing closing/],
  ['(?=a)', /Perl syntax/],
  ['(?<=a)b', /capture/],
  [String.raw`(a)\1`, /escape/],
  ['a{2000}', /repeat/],
  ['a'.repeat(5000), /longer than 4096/],
  [String.raw`[\x{80}-\x{10FFFF}]`, /bytes/],
  [String.raw`\\\x{100}`, /bytes/],
  ['[é-z]', /range/],
  ['(?P<é>a)', /capture/],
  [Array(10).fill('a{900}').join(''), /repeats too much/],
])('%s would be refused by a proxy', (pattern, problem) => {
  expect(checkRegex(pattern)).toMatch(problem);
});

it('says of a failure of the check itself that it is ours', () => {
  const { RE2JS: library } = createRequire(import.meta.url)('re2js') as { RE2JS: { compile: () => unknown } };
  const compile = vi.spyOn(library, 'compile').mockImplementation(() => {
    throw new TypeError('x is not a function');
  });
  onTestFinished(() => compile.mockRestore());
  expect(checkRegex('/a')).toContain('a fault of Cairn (TypeError: x is not a function)');
});
