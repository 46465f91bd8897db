// IP addresses and CIDR blocks in policies, as text and as numbers.

import { isIpAddress, isIpRange } from '../../../mesh/index.ts';
import type { AddressBlock } from '../../model/condition.ts';

interface Bits {
  readonly value: bigint;
  readonly width: 32 | 128;
}

/** Reads `10.0.0.0/8`, `10.1.2.3`, `2001:db8::/32` or `::1`; undefined when it is none of these. */
export function parseAddressBlock(text: string): AddressBlock | undefined {
  if (!isIpRange(text)) return undefined;
  const [address = '', prefix] = text.split('/');
  return { address, prefix: prefix === undefined ? (address.includes(':') ? 128 : 32) : Number(prefix) };
}

/** Whether an address lies in a block; undefined when it is not an address. Families never mix. */
export function isInBlock(block: AddressBlock, address: string): boolean | undefined {
  const own = parseBits(block.address);
  const other = parseBits(address);
  if (own === undefined || other === undefined) return undefined;
  const shift = BigInt(own.width - block.prefix);
  return own.width === other.width && own.value >> shift === other.value >> shift;
}

/**
 * The block by its first address, in canonical form: two spellings of one block have it in common.
 */
export function formatBlock({ address, prefix }: AddressBlock): AddressBlock {
  const bits = parseBits(address);
  if (bits === undefined) return { address, prefix };
  const shift = BigInt(bits.width - prefix);
  const value = (bits.value >> shift) << shift;
  return { address: value === bits.value ? address : formatBits({ ...bits, value }), prefix };
}

/** Whether an address is one of IPv4 in the form of IPv6: `::ffff:10.0.0.1`. */
export function isIpv4InIpv6(address: string): boolean {
  return isInBlock({ address: '::ffff:0:0', prefix: 96 }, address) === true;
}

function formatBits({ value, width }: Bits): string {
  if (width === 32) return [24n, 16n, 8n, 0n].map((shift) => String((value >> shift) & 255n)).join('.');
  const groups = Array.from({ length: 8 }, (_, index) => (value >> BigInt(112 - 16 * index)) & 65535n);
  return new URL(`http://[${groups.map((group) => group.toString(16)).join(':')}]/`).hostname.slice(1, -1);
}

function parseBits(address: string): Bits | undefined {
  if (!isIpAddress(address)) return undefined;
  if (!address.includes(':')) {
    return { value: address.split('.').reduce((sum, part) => sum * 256n + BigInt(part), 0n), width: 32 };
  }
  // The URL parser takes every form of IPv6, also with an IPv4 tail, and returns groups of
  // hexadecimal digits.
  const [head = '', tail = ''] = new URL(`http://[${address}]/`).hostname.slice(1, -1).split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === '' ? [] : tail.split(':');
  const groups = [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right];
  return { value: groups.reduce((sum, group) => sum * 65536n + BigInt(`0x${group}`), 0n), width: 128 };
}
