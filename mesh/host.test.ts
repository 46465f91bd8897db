import { expect, it } from 'vitest';
import { isIpAddress, isIpRange } from './address.ts';
import { isDomain, isHostMatch, isWildcardDomain, resolveHost } from './host.ts';

it.each([
  ['reviews', 'reviews.shop.svc.cluster.local'],
  ['Reviews', 'reviews.shop.svc.cluster.local'],
  ['reviews.default', 'reviews.default'],
  ['example.com', 'example.com'],
  ['*', '*'],
  ['*.example.com', '*.example.com'],
  ['fd00::1', 'fd00::1'],
  ['', ''],
])('%j in namespace shop is %j', (host, full) => {
  expect(resolveHost(host, 'shop', 'cluster.local')).toBe(full);
});

it.each([
  ['*', 'a.b', true],
  ['*.b', 'a.b', true],
  ['*.b', 'x.a.b', true],
  ['*.b', 'b', false],
  ['*.b', '.b', false],
  ['a.b', 'a.b', true],
  ['a.b', 'x.a.b', false],
])('%s covers %s: %s', (pattern, host, isCovered) => {
  expect(isHostMatch(pattern, host)).toBe(isCovered);
});

it.each(['10.0.0.1', '::', '::1', 'fd00::1:2', '1:2:3:4:5:6:7:8', '::ffff:10.0.0.1'])('%s is an address', (text) => {
  expect(isIpAddress(text)).toBe(true);
  expect(isIpRange(text)).toBe(true);
});

it.each([
  '',
  '10.0.0',
  '10.0.0.256',
  '010.0.0.1',
  '1::2::3',
  '1:2:3',
  'g::',
  '1:2:3:4:5:6:7:8:9',
  '10.0.0.1/8',
  'a.b',
  '::1.2.3',
])('%j is no address', (text) => {
  expect(isIpAddress(text)).toBe(false);
});

it.each([
  ['10.0.0.0/8', true],
  ['fd00::/64', true],
  ['10.0.0.0/33', false],
  ['10.0.0.0/', false],
  ['10.0.0.0/8/8', false],
  ['fd00::/129', false],
])('%s is a range: %s', (text, isRange) => {
  expect(isIpRange(text)).toBe(isRange);
});

it.each(['a', 'a.b', 'A-1.example.com', 'a.b.', '1a.b2', '10'])('%s is a DNS name', (text) => {
  expect([isDomain(text), isWildcardDomain(text)]).toEqual([true, true]);
});

it.each(['*', '*.b', '*b.c', '*-b.c'])('%s is one with a wildcard', (text) => {
  expect([isDomain(text), isWildcardDomain(text)]).toEqual([false, true]);
});

it.each([
  '',
  '.',
  'a..b',
  '-a.b',
  'a_b.c',
  'a.*.b',
  '10.0.0.300',
  'a/b',
  'a.b:80',
  'é.b',
  `${'a'.repeat(64)}.b`,
  '**.b',
])('%j is none', (text) => {
  expect([isDomain(text), isWildcardDomain(text)]).toEqual([false, false]);
});
