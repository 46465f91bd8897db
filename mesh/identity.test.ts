import { expect, it } from 'vitest';
import { formatIdentity, namespacePrefix, parseIdentity, trustDomainPrefix } from './identity.ts';

const identity = { trustDomain: 'cluster.local', namespace: 'default', serviceAccount: 'bookinfo-reviews' };

it('round-trips', () => {
  expect(formatIdentity(identity)).toBe('spiffe://cluster.local/ns/default/sa/bookinfo-reviews');
  expect(parseIdentity(formatIdentity(identity))).toEqual(identity);
});

it('begins with its trust domain and its namespace', () => {
  expect(trustDomainPrefix('cluster.local')).toBe('spiffe://cluster.local/');
  expect(namespacePrefix('cluster.local', 'default')).toBe('spiffe://cluster.local/ns/default/');
});

it.each([
  'spiffe://cluster.local/ns/default/sa/a/',
  'spiffe://cluster.local/ns/default/sa/a/ns/x/sa/b',
  'spiffe://cluster.local/ns/default/sa/',
  'spiffe://cluster.local/ns/de%66ault/sa/a',
  'spiffe://cluster.local:443/ns/default/sa/a',
  'spiffe://user@cluster.local/ns/default/sa/a',
  'spiffe://cluster.local/ns/default/sa/a?b',
  'spiffe://cluster.local/ns/default/sa/a#b',
  'spiffe://cluster.local/ns/../sa/a',
  'spiffe://Cluster.local/ns/default/sa/a',
  'SPIFFE://cluster.local/ns/default/sa/a',
  ' spiffe://cluster.local/ns/default/sa/a',
  'spiffe://cluster.local/ns/default/sa/a\n',
  'spiffe:///ns/default/sa/a',
])('does not take %j for an identity', (uri) => {
  expect(parseIdentity(uri)).toBe(undefined);
});
