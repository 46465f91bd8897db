// Addresses on one machine: every service, workload and waypoint without one gets an address of the
// run's block of loopback addresses. Pure: earlier allocations are an argument, so that an address
// stays with its object while that exists.

import { compareObjects, formatAddress, formatRef, refOf, waypointClass } from '../../mesh/index.ts';
import type { AnyMeshObject, Finding, MachineAddresses, ObjectRef } from '../../mesh/index.ts';

/** A block `127.B.0.0/16`, named by its second octet. */
export interface AddressBlock {
  readonly octet: number;
}

/** Allocated addresses, by the object's reference as `formatRef` writes it. */
export type Allocations = Readonly<Record<string, string>>;

/**
 * The range of a block that an address comes from; the first two addresses are the control plane's
 * and the node proxy's.
 */
interface Range {
  readonly first: number;
  readonly last: number;
}

const ranges = {
  waypoint: { first: 10, last: 255 },
  workload: { first: 257, last: 127 * 256 + 255 },
  vip: { first: 128 * 256 + 1, last: 255 * 256 + 254 },
} satisfies Record<string, Range>;

/** Reads `127.B.0.0/16` with B from 1 to 254; undefined for anything else. */
export function parseAddressBlock(text: string): AddressBlock | undefined {
  const octet = Number(/^127\.(\d{1,3})\.0\.0\/16$/.exec(text)?.[1] ?? Number.NaN);
  return octet >= 1 && octet <= 254 ? { octet } : undefined;
}

/** `127.B.0.0/16`. */
export function formatAddressBlock({ octet }: AddressBlock): string {
  return `127.${octet}.0.0/16`;
}

/** Where the certificate service and xDS of a run listen: `127.B.0.1`. */
export function controlPlaneAddress(block: AddressBlock): string {
  return formatOffset(block, 1);
}

/** The node proxy's own address: `127.B.0.2`. */
export function nodeProxyAddress(block: AddressBlock): string {
  return formatOffset(block, 2);
}

/** The layout of a block: its first addresses are those of the control plane and of proxies. */
export function machineAddresses(block: AddressBlock): MachineAddresses {
  return { workloads: [formatAddressBlock(block)], proxies: [`${formatOffset(block, 0)}/24`] };
}

/** The result of an allocation. */
export interface AddressedObjects {
  /**
   * The same objects in the same order, copies where an address was filled in. The copy of an
   * unchanged object is the same value.
   */
  readonly objects: readonly AnyMeshObject[];
  /** To be passed as `previous` the next time. */
  readonly allocations: Allocations;
  readonly findings: readonly Finding[];
}

/**
 * Fills in missing addresses: `spec.clusterIP` of a Service, an address for each host of a
 * ServiceEntry, `spec.address` of a WorkloadEntry, `spec.addresses` of a waypoint Gateway. An
 * object with an address keeps it, whichever object writes the same one later. An address that the
 * configuration writes is not allocated. New addresses are allocated in the order of the objects'
 * references; those of removed objects are free again.
 */
export function allocateAddresses(
  objects: readonly AnyMeshObject[],
  { block, previous }: { readonly block: AddressBlock; readonly previous: Allocations },
): AddressedObjects {
  const findings: Finding[] = [];
  const classes = waypointClasses(objects);
  const wanting = objects
    .flatMap((object) => {
      const range = wantedRange(object, classes);
      return range === undefined ? [] : keysOf(object).map((key) => ({ key, ref: refOf(object), range }));
    })
    .sort((left, right) => (left.key < right.key ? -1 : left.key > right.key ? 1 : 0));
  const services = new Set(objects.flatMap((object) => (object.kind === 'Service' ? writtenAddresses(object) : [])));
  const taken = new Set(objects.flatMap(writtenAddresses));
  const kept = new Set<string>();
  const allocations: Record<string, string> = {};
  for (const { key, ref, range } of wanting) {
    const before = previous[key];
    if (before === undefined || kept.has(before) || !isInRange(block, range, before)) continue;
    // An object that writes another's address does not take it away; only a Service has precedence
    // over a ServiceEntry.
    if (ref.kind === 'ServiceEntry' && services.has(before)) continue;
    allocations[key] = before;
    kept.add(before);
    taken.add(before);
  }
  const next = new Map<Range, number>();
  for (const { key, ref, range } of wanting) {
    if (allocations[key] !== undefined) continue;
    let offset = next.get(range) ?? range.first;
    while (offset <= range.last && taken.has(formatOffset(block, offset))) offset += 1;
    next.set(range, offset + 1);
    if (offset > range.last) findings.push(exhausted(ref, block));
    else allocations[key] = formatOffset(block, offset);
  }
  const displaced = findDisplacedGateways(objects, new Set([...services, ...Object.values(allocations)]), block);
  findings.push(...displaced.values());
  return {
    objects: objects.map((object) => {
      if (displaced.has(object)) return withAddresses(object, []);
      const given = keysOf(object).map((key) => allocations[key]);
      return given.every((address) => address === undefined) ? object : withAddresses(object, given);
    }),
    allocations: Object.fromEntries(Object.entries(allocations).sort(([a], [b]) => (a < b ? -1 : 1))),
    findings,
  };
}

/**
 * Gateways that write the address of another object, each with its Finding: two proxies that listen
 * on one address would share its connections. `held` are the addresses of services, and the
 * allocated ones.
 */
function findDisplacedGateways(
  objects: readonly AnyMeshObject[],
  held: ReadonlySet<string>,
  block: AddressBlock,
): ReadonlyMap<AnyMeshObject, Finding> {
  const own = new Set([controlPlaneAddress(block), nodeProxyAddress(block)]);
  const taken = new Set([...held, ...own]);
  const displaced = new Map<AnyMeshObject, Finding>();
  for (const gateway of objects.filter(({ kind }) => kind === 'Gateway').sort(compareObjects)) {
    const [address] = writtenAddresses(gateway);
    if (address === undefined) continue;
    if (!taken.has(address)) taken.add(address);
    else {
      displaced.set(gateway, {
        code: 'AddressConflict',
        severity: 'error',
        ref: refOf(gateway),
        path: ['spec', 'addresses'],
        message: `${address} is the address of something else, so this Gateway is not run`,
        hint: 'leave spec.addresses out, and the Gateway gets an address of its own',
      });
    }
  }
  return displaced;
}

/**
 * Classes whose Gateways are waypoints: Istio's own and those that a GatewayClass object gives to
 * its controller.
 */
function waypointClasses(objects: readonly AnyMeshObject[]): ReadonlySet<string> {
  const classes = new Set([waypointClass]);
  for (const object of objects) {
    if (object.kind === 'GatewayClass') classes.add(object.metadata.name);
  }
  return classes;
}

/**
 * The key of an object's addresses: its reference, with the host if each of several hosts has an
 * address of its own.
 */
function keysOf(object: AnyMeshObject): readonly string[] {
  const key = formatRef(refOf(object));
  return object.kind === 'ServiceEntry' && object.spec.hosts.length > 1
    ? object.spec.hosts.map((host) => `${key} ${host}`)
    : [key];
}

function wantedRange(object: AnyMeshObject, classes: ReadonlySet<string>): Range | undefined {
  switch (object.kind) {
    case 'Gateway':
      return classes.has(object.spec.gatewayClassName) && writtenAddresses(object).length === 0
        ? ranges.waypoint
        : undefined;
    case 'WorkloadEntry':
      return (object.spec.address ?? '') === '' ? ranges.workload : undefined;
    case 'Service':
      return object.spec.type !== 'ExternalName' &&
        object.spec.clusterIP !== 'None' &&
        writtenAddresses(object).length === 0
        ? ranges.vip
        : undefined;
    case 'ServiceEntry': {
      const { hosts, addresses = [], resolution = 'NONE' } = object.spec;
      // NONE connects to the dialled address, so one of ours would lead back to ourselves.
      const isReachable =
        resolution !== 'NONE' && (resolution === 'DYNAMIC_DNS' || !hosts.every((host) => host.startsWith('*')));
      return addresses.length === 0 && isReachable ? ranges.vip : undefined;
    }
    default:
      return undefined;
  }
}

function writtenAddresses(object: AnyMeshObject): readonly string[] {
  return rawAddresses(object).map(formatAddress);
}

function rawAddresses(object: AnyMeshObject): readonly string[] {
  switch (object.kind) {
    case 'Gateway':
      return (object.spec.addresses ?? []).flatMap(({ value }) => (value === undefined || value === '' ? [] : [value]));
    case 'WorkloadEntry':
      return object.spec.address === undefined || object.spec.address === '' ? [] : [object.spec.address];
    case 'Service':
      return [object.spec.clusterIP, ...(object.spec.clusterIPs ?? [])].filter(
        (address): address is string => address !== undefined && address !== '' && address !== 'None',
      );
    case 'ServiceEntry':
      return [
        ...(object.spec.addresses ?? []),
        ...(object.spec.endpoints ?? []).flatMap(({ address }) => (address === undefined ? [] : [address])),
      ];
    default:
      return [];
  }
}

type Given = readonly (string | undefined)[];

/**
 * Copies by their original object: the same input gives the same value, so that a comparison ends
 * at once.
 */
const copies = new WeakMap<AnyMeshObject, { readonly text: string; readonly copy: AnyMeshObject }>();

function withAddresses(object: AnyMeshObject, given: Given): AnyMeshObject {
  const text = given.join(' ');
  const known = copies.get(object);
  if (known?.text === text) return known.copy;
  const copy = fill(object, given);
  copies.set(object, { text, copy });
  return copy;
}

function fill(object: AnyMeshObject, given: Given): AnyMeshObject {
  const [address = ''] = given;
  switch (object.kind) {
    case 'Gateway':
      return {
        ...object,
        spec: { ...object.spec, addresses: address === '' ? [] : [{ type: 'IPAddress', value: address }] },
      };
    case 'WorkloadEntry':
      return { ...object, spec: { ...object.spec, address } };
    case 'Service':
      return { ...object, spec: { ...object.spec, clusterIP: address } };
    case 'ServiceEntry':
      return { ...object, spec: { ...object.spec, hostAddresses: hostAddresses(object.spec.hosts, given) } };
    default:
      return object;
  }
}

function hostAddresses(hosts: readonly string[], given: Given): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(
    hosts.flatMap((host, index) => {
      const address = given[index];
      return address === undefined ? [] : [[host, [address]]];
    }),
  );
}

function formatOffset({ octet }: AddressBlock, offset: number): string {
  return `127.${octet}.${Math.floor(offset / 256)}.${offset % 256}`;
}

function isInRange({ octet }: AddressBlock, range: Range, address: string): boolean {
  const [first, second, third, fourth] = address.split('.').map(Number);
  if (first !== 127 || second !== octet || third === undefined || fourth === undefined) return false;
  const offset = third * 256 + fourth;
  return offset >= range.first && offset <= range.last;
}

function exhausted(ref: ObjectRef, block: AddressBlock): Finding {
  return {
    code: 'AddressConflict',
    severity: 'error',
    ref,
    path: ['spec'],
    message: `no address is left for it in ${formatAddressBlock(block)}, so that it cannot be reached`,
    hint: 'write an address, or spread the configuration over two runs',
  };
}
