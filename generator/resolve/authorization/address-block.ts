// IP addresses and CIDR blocks in policies, as text and as numbers.

import { isIpAddress, isIpRange } from '../../../mesh/index.ts';
import type { AddressBlock } from '../../model/authorization.ts';

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

function parseBits(address: string): Bits | undefined {
  if (!isIpAddress(address)) return undefined;
  if (!address.includes(':')) {
    return { value: address.split('.').reduce((sum, part) => sum * 256n + BigInt(part), 0n), width: 32 };
  }
  // The URL parser takes every form of IPv6, also with an IPv4 tail, and gives back groups of hexadecimal digits.
  const [head = '', tail = ''] = new URL(`http://[${address}]/`).hostname.slice(1, -1).split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === '' ? [] : tail.split(':');
  const groups = [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right];
  return { value: groups.reduce((sum, group) => sum * 65536n + BigInt(`0x${group}`), 0n), width: 128 };
}
