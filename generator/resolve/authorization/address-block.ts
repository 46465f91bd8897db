// IP addresses and CIDR blocks in policies, as text and as numbers.

import type { AddressBlock } from '../../model/authorization.ts';

interface Bits {
  readonly value: bigint;
  readonly width: 32 | 128;
}

/** Reads `10.0.0.0/8`, `10.1.2.3`, `2001:db8::/32` or `::1`; undefined when it is none of these. */
export function parseAddressBlock(text: string): AddressBlock | undefined {
  const match = /^([0-9A-Fa-f.:]+)(?:\/([0-9]{1,3}))?$/.exec(text);
  const address = match?.[1];
  const bits = address === undefined ? undefined : parseBits(address);
  if (address === undefined || bits === undefined) return undefined;
  const prefix = match?.[2] === undefined ? bits.width : Number(match[2]);
  return prefix > bits.width ? undefined : { address, prefix };
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
  if (!address.includes(':')) {
    const parts = address.split('.');
    const valid =
      parts.length === 4 && parts.every((part) => /^(?:0|[1-9][0-9]{0,2})$/.test(part) && Number(part) < 256);
    return valid ? { value: parts.reduce((sum, part) => sum * 256n + BigInt(part), 0n), width: 32 } : undefined;
  }
  // The URL parser reads every form of IPv6, also with an IPv4 tail, and gives back groups of hexadecimal digits.
  const url = URL.canParse(`http://[${address}]/`) ? new URL(`http://[${address}]/`).hostname.slice(1, -1) : undefined;
  if (url === undefined) return undefined;
  const [head = '', tail] = url.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const groups = [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right];
  return { value: groups.reduce((sum, group) => sum * 65536n + BigInt(`0x${group}`), 0n), width: 128 };
}
