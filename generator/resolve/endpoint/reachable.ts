// Addresses that no connection may go to, whoever writes them: a waypoint is shared, and an
// endpoint of one namespace must not lead it to its own pod, its node, or the metadata of a cloud.
// On one machine workloads live at loopback addresses, so the settings of the mesh can allow these.

import {
  type AddressRange,
  coversRange,
  formatAddress,
  isIpAddress,
  type MeshSettings,
  type MeshSnapshot,
  type ObjectRef,
  type FieldPath,
  parseAddressRange,
} from '../../../mesh/index.ts';
import type { ResolveContext } from '../context.ts';

interface SpecialRange {
  readonly text: string;
  readonly range: AddressRange;
  readonly what: string;
}

function special(what: string, ...texts: readonly string[]): readonly SpecialRange[] {
  return texts.flatMap((text) => {
    const range = parseAddressRange(text);
    return range === undefined ? [] : [{ text, range, what }];
  });
}

const loopback = special('a loopback address', '127.0.0.0/8', '::1');

const nowhere: readonly SpecialRange[] = [
  ...special('no address of a host', '0.0.0.0/8', '::', '255.255.255.255'),
  ...special('a multicast address', '224.0.0.0/4', 'ff00::/8'),
  ...special('a link-local address', '169.254.0.0/16', 'fe80::/10'),
  ...special(
    "an address of the cloud's metadata",
    '100.100.100.200',
    '168.63.129.16',
    '192.0.0.192',
    'fd00:ec2::/32',
    'fd20:ce::254',
  ),
  // These have an embedded IPv4 address, which some gateway would extract.
  ...special('an IPv4 address inside of IPv6', '::/96', '64:ff9b::/96', '64:ff9b:1::/48', '2002::/16'),
];

/** Names that every machine gives to its own loopback address. */
const loopbackName = /^(?:(?:.*\.)?localhost|localhost\.localdomain|ip6-(?:localhost|loopback))$/;

/** Names of the metadata servers of clouds. */
const metadataName = /^(?:metadata(?:\.google\.internal|\.goog)?|instance-data(?:\.ec2\.internal)?)$/;

/**
 * The reason why an address or a name is refused, as the end of a sentence that begins with it;
 * undefined if it is not. On one machine loopback addresses of the run's own range are allowed, and
 * those that a WorkloadEntry declares.
 */
export function refusalOf(mesh: MeshSnapshot, place: string): string | undefined {
  if (isPlain(place, mesh.settings)) return undefined;
  const text = literalOf(place);
  const range = parseAddressRange(text);
  if (range === undefined) {
    const name = place.toLowerCase().replace(/\.+$/, '');
    if (loopbackName.test(name)) return refusalOf(mesh, '127.0.0.1');
    return metadataName.test(name) ? "a name of a cloud's metadata" : undefined;
  }
  const { machine } = mesh.settings;
  if (isWithin(range, machine?.proxies)) return 'an address of the control plane or a proxy';
  if (machine !== undefined && mesh.find('Gateway/address', formatAddress(text)).length > 0) {
    return 'the address of a waypoint';
  }
  const found = [...loopback, ...nowhere].find((candidate) => coversRange(candidate.range, range));
  if (found === undefined || machine === undefined || !loopback.includes(found)) return found?.what;
  const isDeclared = mesh.find('WorkloadEntry/address', formatAddress(text)).length > 0;
  return isDeclared || isWithin(range, machine.workloads) ? undefined : 'a loopback address that no WorkloadEntry has';
}

/**
 * Like `refusalOf`, for an address that clients connect to: on one machine any loopback address
 * that no proxy has is allowed.
 */
export function virtualRefusalOf({ machine }: MeshSettings, address: string): string | undefined {
  const range = parseAddressRange(address);
  if (range === undefined) return undefined;
  if (isWithin(range, machine?.proxies)) return 'an address of the control plane or a proxy';
  const refused = machine === undefined ? [...loopback, ...nowhere] : nowhere;
  return refused.find((candidate) => coversRange(candidate.range, range))?.what;
}

/** The parts of ranges that clients connect to which are closed. */
export function closedParts({ machine }: MeshSettings, addresses: readonly string[]): readonly string[] {
  const ranges = addresses.flatMap((address) => (address.includes('/') ? (parseAddressRange(address) ?? []) : []));
  if (ranges.length === 0) return [];
  const own = special('', ...(machine?.proxies ?? []));
  const foreign = loopback.filter(({ range }) => !isWithin(range, machine?.workloads));
  const closed = [...own, ...foreign, ...nowhere];
  return closed.filter(({ range }) => ranges.some((outer) => coversRange(outer, range))).map(({ text }) => text);
}

/** Reports that an endpoint is left out, in the same words everywhere. */
export function reportRefused(
  { report }: ResolveContext,
  ref: ObjectRef,
  path: FieldPath,
  place: string,
  refusal: string,
): void {
  report({
    code: 'AddressRefused',
    severity: 'error',
    ref,
    path,
    message: `"${place}" is ${refusal}, so no connection goes there`,
    hint: 'write the address that the workload has for others',
  });
}

/** Most addresses are of no special range: their first number says so. */
function isPlain(address: string, { machine }: MeshSettings): boolean {
  const first = machine === undefined ? /^(\d+)\.\d+\.\d+\.\d+$/.exec(address)?.[1] : undefined;
  return first !== undefined && !specialHeads.has(first) && Number(first) < 224;
}

const specialHeads: ReadonlySet<string> = new Set(['0', '100', '127', '168', '169', '192']);

/** A number, or numbers in other forms, resolves to an IPv4 address. */
function literalOf(place: string): string {
  if (isIpAddress(place) || place.includes('/') || !/^(?:0x[\da-f]*|\d+)(?:\.(?:0x[\da-f]*|\d+))*\.?$/i.test(place))
    return place;
  try {
    return new URL(`http://${place}/`).hostname;
  } catch {
    return '0.0.0.0';
  }
}

function isWithin(range: AddressRange, outer: readonly string[] = []): boolean {
  return outer.some((text) => {
    const candidate = parseAddressRange(text);
    return candidate !== undefined && coversRange(candidate, range);
  });
}
