import { describe, expect, it } from 'vitest';
import { parseUriNames } from './peer.ts';

describe('URI names of a certificate', () => {
  it.each([
    ['URI:spiffe://cluster.local/ns/a/sa/b', ['spiffe://cluster.local/ns/a/sa/b']],
    ['DNS:x, URI:spiffe://td/a, IP Address:127.0.0.1, URI:spiffe://td/b', ['spiffe://td/a', 'spiffe://td/b']],
    ['', []],
    ['DNS:URI.example', []],
  ])('reads %s', (text, names) => {
    expect(parseUriNames(text)).toEqual(names);
  });

  it('does not take a part of a quoted name for a name: anybody could have such a DNS name', () => {
    expect(parseUriNames('DNS:"x, URI:spiffe://td/admin"')).toEqual([]);
    expect(parseUriNames('DNS:"a\\", URI:spiffe://td/admin, DNS:\\"b", URI:spiffe://td/me')).toEqual([
      'spiffe://td/me',
    ]);
    expect(parseUriNames('URI:"spiffe://td/a, URI:spiffe://td/admin"')).toEqual([
      'spiffe://td/a, URI:spiffe://td/admin',
    ]);
  });

  it.each(['URI:spiffe://td/a,URI:spiffe://td/b', 'URI:"spiffe://td/a', 'URI:spiffe://td/a, ', 'spiffe', 'URI:a"b'])(
    'gives nobody an identity by %s',
    (text) => {
      expect(parseUriNames(text)).toEqual([]);
    },
  );
});
