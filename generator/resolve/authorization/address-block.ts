// IP addresses and CIDR blocks in policies, as text and as numbers.

import { formatAddressBits, isIpRange, parseAddressBits, splitRange } from '../../../mesh/index.ts';
import type { AddressBlock } from '../../model/condition.ts';

/** Reads `10.0.0.0/8`, `10.1.2.3`, `2001:db8::/32` or `::1`; undefined when it is none of these. */
export function parseAddressBlock(text: string): AddressBlock | undefined {
  return isIpRange(text) ? splitRange(text) : undefined;
}

/** Whether an address lies in a block; undefined when it is not an address. Families never mix. */
export function isInBlock(block: AddressBlock, address: string): boolean | undefined {
  const own = parseAddressBits(block.address);
  const other = parseAddressBits(address);
  if (own === undefined || other === undefined) return undefined;
  const shift = BigInt(own.width - block.prefix);
  return own.width === other.width && own.value >> shift === other.value >> shift;
}

/**
 * The block by its first address, in canonical form: two spellings of one block have it in common.
 */
export function formatBlock({ address, prefix }: AddressBlock): AddressBlock {
  const bits = parseAddressBits(address);
  if (bits === undefined) return { address, prefix };
  const shift = BigInt(bits.width - prefix);
  const value = (bits.value >> shift) << shift;
  return { address: value === bits.value ? address : formatAddressBits({ ...bits, value }), prefix };
}

/** Whether an address is one of IPv4 in the form of IPv6: `::ffff:10.0.0.1`. */
export function isIpv4InIpv6(address: string): boolean {
  return isInBlock({ address: '::ffff:0:0', prefix: 96 }, address) === true;
}
