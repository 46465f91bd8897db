// Virtual addresses of ServiceEntries in a cluster: each host without one gets an address of
// 240.240.0.0/16, which no network routes, and its twin of 2001:2::/48. Pure: earlier allocations
// are an argument, so that an address stays with its host.

import type { MeshObject } from '../../../mesh/index.ts';

type ServiceEntry = MeshObject<'ServiceEntry'>;

/** Allocated addresses, as numbers within the range, by `<namespace>/<name>/<host>`. */
export type EntryAllocations = Readonly<Record<string, number>>;

/** The result of an allocation; an entry that needs nothing is the same value as before. */
export interface AddressedEntries {
  readonly entries: readonly ServiceEntry[];
  /** The allocations, to be passed as `previous` the next time. */
  readonly allocations: EntryAllocations;
}

/** The first and the last address of the range stay free. */
const size = 2 ** 16 - 2;

/** Label on a ServiceEntry that wants no address: `false`. */
const allocationLabel = 'networking.istio.io/enable-autoallocate-ip';

/**
 * Gives an address to each host without one. The address follows from the host's name, so that most
 * hosts get the same one even when `previous` is lost. Addresses that the configuration writes
 * itself are not allocated.
 */
export function allocateEntryAddresses(entries: readonly ServiceEntry[], previous: EntryAllocations): AddressedEntries {
  const taken = new Set(entries.flatMap(({ spec }) => (spec.addresses ?? []).map(parseEntryOffset)));
  const wanted = entries.flatMap((entry) => wantedHosts(entry).map((host) => formatKey(entry, host))).sort();
  const allocations: Record<string, number> = {};
  const kept = new Set<number>();
  for (const key of wanted) {
    const before = previous[key];
    // An object that writes the address of a host later does not take it away.
    if (before === undefined || before < 1 || before > size || kept.has(before)) continue;
    allocations[key] = before;
    kept.add(before);
    taken.add(before);
  }
  for (const key of wanted) {
    if (allocations[key] !== undefined || Object.keys(allocations).length >= size) continue;
    let offset = (hash(key) % size) + 1;
    for (let tries = 0; taken.has(offset) && tries < size; tries += 1) offset = (offset % size) + 1;
    if (taken.has(offset)) continue;
    allocations[key] = offset;
    taken.add(offset);
  }
  return { entries: entries.map((entry) => withAddresses(entry, allocations)), allocations };
}

/**
 * `NONE` connects to the dialled address, so an address of ours would lead nowhere; so does a
 * wildcard that no request fills in.
 */
function wantedHosts({ metadata, spec }: ServiceEntry): readonly string[] {
  if ((spec.addresses ?? []).length > 0 || (spec.resolution ?? 'NONE') === 'NONE') return [];
  if (metadata.labels[allocationLabel]?.toLowerCase() === 'false') return [];
  return [...new Set(spec.hosts)].filter((host) => !host.startsWith('*') || spec.resolution === 'DYNAMIC_DNS');
}

function formatKey({ metadata }: ServiceEntry, host: string): string {
  return `${metadata.namespace}/${metadata.name}/${host}`;
}

function withAddresses(entry: ServiceEntry, allocations: EntryAllocations): ServiceEntry {
  const found = wantedHosts(entry).flatMap((host): (readonly [string, readonly string[]])[] => {
    const offset = allocations[formatKey(entry, host)];
    return offset === undefined ? [] : [[host, formatOffset(offset)]];
  });
  return found.length === 0 ? entry : { ...entry, spec: { ...entry.spec, hostAddresses: Object.fromEntries(found) } };
}

function formatOffset(offset: number): readonly string[] {
  return [`240.240.${Math.floor(offset / 256)}.${offset % 256}`, `2001:2::${offset.toString(16)}`];
}

/** The number of an IPv4 address within the range; 0 for one outside. */
export function parseEntryOffset(address: string): number {
  const [, third, fourth] = /^240\.240\.(\d+)\.(\d+)(?:\/32)?$/.exec(address) ?? [];
  return third === undefined || fourth === undefined ? 0 : Number(third) * 256 + Number(fourth);
}

/** FNV-1a over the text's UTF-16 units: evenly spread, and the same everywhere. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193) >>> 0;
  }
  return value;
}
