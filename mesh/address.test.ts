import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { formatAddressBits, formatHostPort, parseAddressBits, splitHostPort, splitRange } from './address.ts';

it('writes and reads a host with its port', () => {
  const host = fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain());
  fc.assert(
    fc.property(host, fc.integer({ min: 1, max: 65_535 }), (name, port) => {
      expect(splitHostPort(formatHostPort(name, port))).toEqual({ host: name, port });
    }),
  );
  expect(formatHostPort('::1', '*')).toBe('[::1]:*');
});

it.each(['', 'host', ':80', 'host:', 'host:0', 'host:65536', '::1', '::1:80', '[::1]', '[]:80', 'host:80 ', 'a:b:80'])(
  'finds no host and port in %j',
  (text) => {
    expect(splitHostPort(text)).toBeUndefined();
  },
);

it('tells the address of a range from the length of its prefix', () => {
  expect(['10.0.0.0/8', '10.1.2.3', '2001:db8::/32', '::1'].map(splitRange)).toEqual([
    { address: '10.0.0.0', prefix: 8 },
    { address: '10.1.2.3', prefix: 32 },
    { address: '2001:db8::', prefix: 32 },
    { address: '::1', prefix: 128 },
  ]);
});

it('gives back the bits of an address, and nothing for another text', () => {
  const bits = fc.oneof(
    fc.bigInt({ min: 0n, max: 0xffff_ffffn }).map((value) => ({ value, width: 32 as const })),
    fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }).map((value) => ({ value, width: 128 as const })),
  );
  fc.assert(
    fc.property(bits, (each) => {
      expect(parseAddressBits(formatAddressBits(each))).toEqual(each);
    }),
  );
  expect(parseAddressBits('10.0.0')).toBeUndefined();
});
