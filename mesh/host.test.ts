import { expect, it } from 'vitest';
import { isIpAddress, isIpRange } from './address.ts';
import { isHostMatch, resolveHost } from './host.ts';

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
