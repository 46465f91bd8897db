// IP addresses, address ranges, and hosts with ports as text. No parser of the platform: the rooms
// that read the configuration do no I/O. Imports nothing, so that the agent takes this file without
// the rest of the room.

/** True for the path of a socket, as `unix:///run/app.sock`, or its abstract name. */
export function isUnixAddress(text: string): boolean {
  return text.startsWith('unix://');
}

/** True for an IPv4 address in four decimal parts, or an IPv6 address. */
export function isIpAddress(text: string): boolean {
  return isIpv4(text) || isIpv6(text);
}

/** True for an IP address, with or without a prefix length: `10.0.0.0/8`. */
export function isIpRange(text: string): boolean {
  const [address = '', length, ...rest] = text.split('/');
  if (rest.length > 0) return false;
  if (length === undefined) return isIpAddress(address);
  if (!/^(?:0|[1-9]\d{0,2})$/.test(length)) return false;
  return isIpv4(address) ? Number(length) <= 32 : isIpv6(address) && Number(length) <= 128;
}

/**
 * The address and the prefix length of a text that is an IP range. The prefix of a lone address is
 * the whole of it.
 */
export function splitRange(text: string): { readonly address: string; readonly prefix: number } {
  const [address = '', length] = text.split('/');
  return { address, prefix: length === undefined ? widthOf(address) : Number(length) };
}

/** The number of bits of an address. */
function widthOf(address: string): 32 | 128 {
  return address.includes(':') ? 128 : 32;
}

/** A host as it stands in an authority or URL: an IPv6 address in brackets. */
function formatUrlHost(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

/** `host:port`, with an IPv6 address in brackets. */
export function formatHostPort(host: string, port: number | string): string {
  return `${formatUrlHost(host)}:${port}`;
}

/** The parts of `host:port`, the host without brackets; undefined for other texts. */
export function splitHostPort(text: string): { readonly host: string; readonly port: number } | undefined {
  const [, bracketed, plain, digits] = /^(?:\[([^[\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  return host === undefined || port < 1 || port > 65_535 ? undefined : { host, port };
}

function isIpv4(text: string): boolean {
  const parts = text.split('.');
  return parts.length === 4 && parts.every((part) => /^(?:0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255);
}

function isIpv6(text: string): boolean {
  const halves = text.split('::');
  if (halves.length > 2) return false;
  const groups = halves.flatMap((half) => (half === '' ? [] : half.split(':')));
  const last = groups.at(-1) ?? '';
  const isMixed = last.includes('.');
  const plain = isMixed ? groups.slice(0, -1) : groups;
  if (isMixed && !isIpv4(last)) return false;
  if (!plain.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return false;
  const count = plain.length + (isMixed ? 2 : 0);
  return halves.length === 2 ? count < 8 : count === 8;
}

/** A range of addresses as numbers, both ends included; an address is a range of one. */
export interface AddressRange {
  readonly family: 4 | 6;
  readonly first: bigint;
  readonly last: bigint;
}

/**
 * The range that a text names; an IPv4 address written as IPv6 is the IPv4 address. Undefined for a
 * text that is neither address nor range.
 */
export function parseAddressRange(text: string): AddressRange | undefined {
  if (!isIpRange(text)) return undefined;
  const { address, prefix } = splitRange(text);
  const isV6 = widthOf(address) === 128;
  const size = 1n << BigInt(widthOf(address) - prefix);
  const first = (parseBits(address) / size) * size;
  const last = first + size - 1n;
  if (isV6 && first >= mappedFirst && last <= mappedFirst + 0xffff_ffffn) {
    return { family: 4, first: first - mappedFirst, last: last - mappedFirst };
  }
  return { family: isV6 ? 6 : 4, first, last };
}

/** Whether every address of `inner` is one of `outer`. */
export function coversRange(outer: AddressRange, inner: AddressRange): boolean {
  return outer.family === inner.family && outer.first <= inner.first && inner.last <= outer.last;
}

/** `::ffff:0.0.0.0`, the prefix of an IPv4 address that is written as IPv6. */
const mappedFirst = 0xffff_0000_0000n;

/** An address as a number of 32 or 128 bits. IPv4 in the form of IPv6 stays IPv6. */
export interface AddressBits {
  readonly value: bigint;
  readonly width: 32 | 128;
}

/** The bits of an address; undefined when it is none. */
export function parseAddressBits(address: string): AddressBits | undefined {
  return isIpAddress(address) ? { value: parseBits(address), width: widthOf(address) } : undefined;
}

/** The address with these bits, in its shortest form. */
export function formatAddressBits({ value, width }: AddressBits): string {
  return width === 32 ? formatIpv4(value) : formatIpv6(value);
}

function parseBits(address: string): bigint {
  if (!address.includes(':')) return parseIpv4(address);
  const [head = '', tail] = address.split('::');
  const before = parseGroups(head);
  const after = tail === undefined ? [] : parseGroups(tail);
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => 0n);
  return [...before, ...zeros, ...after].reduce((value, group) => (value << 16n) | group, 0n);
}

function parseGroups(text: string): readonly bigint[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [BigInt(`0x${group}`)];
    const value = parseIpv4(group);
    return [value >> 16n, value & 0xffffn];
  });
}

function parseIpv4(text: string): bigint {
  return text.split('.').reduce((value, part) => (value << 8n) | BigInt(part), 0n);
}

/**
 * The canonical text of an address or range, so that equal ones have equal texts: IPv6 in its
 * shortest form, IPv4 written as IPv6 as IPv4, a range of one as an address, a range without the
 * bits that it leaves open. Other texts are returned as they are.
 */
export function formatAddress(text: string): string {
  if (/^[\d.]*$/.test(text)) return text;
  const range = parseAddressRange(text);
  if (range === undefined) return text;
  const { family, first, last } = range;
  const address = family === 4 ? formatIpv4(first) : formatIpv6(first);
  if (first === last) return address;
  const open = (last - first).toString(2).length;
  return `${address}/${(family === 4 ? 32 : 128) - open}`;
}

function formatIpv4(value: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 0xffn).join('.');
}

function formatIpv6(value: bigint): string {
  const groups = Array.from({ length: 8 }, (_, index) => ((value >> BigInt(112 - 16 * index)) & 0xffffn).toString(16));
  return new URL(`http://[${groups.join(':')}]/`).hostname.slice(1, -1);
}
