// The owner of a virtual address that several services claim. The address belongs to one namespace,
// with all of its ports: another namespace that claims it, or a part of a range, gets nothing
// there.

import {
  type AddressRange,
  compareObjects,
  coversRange,
  type FieldPath,
  formatRef,
  type MeshSnapshot,
  parseAddressRange,
} from '../../../mesh/index.ts';
import type { ResolveContext } from '../context.ts';
import { exportToOf, type ResolvedService, resolveServices, sortByPrecedence } from './service.ts';

/** The services that claim addresses, and their owners. */
export class AddressBook {
  readonly #claims = new Map<string, ResolvedService[]>();
  /** The place of each in the order of their age. */
  readonly #ages: ReadonlyMap<ResolvedService, number>;
  readonly #ranges: { readonly range: AddressRange; readonly service: ResolvedService }[] = [];

  /** `services` are in the order of their age. */
  constructor(services: readonly ResolvedService[]) {
    this.#ages = new Map(services.map((service, age) => [service, age]));
    for (const service of services) {
      for (const address of service.addresses) {
        const known = this.#claims.get(address);
        if (known === undefined) this.#claims.set(address, [service]);
        else known.push(service);
        const range = address.includes('/') ? parseAddressRange(address) : undefined;
        if (range !== undefined) this.#ranges.push({ range, service });
      }
    }
  }

  /** Every address and range that is claimed, with the services that claim the very same. */
  get claims(): ReadonlyMap<string, readonly ResolvedService[]> {
    return this.#claims;
  }

  /**
   * The service that holds an address, or range, for clients of `viewer`: the first by precedence
   * among those that claim it or a range that covers it. An allocated address is its service's,
   * whichever ServiceEntry writes it later.
   */
  holder(address: string, viewer?: string): ResolvedService | undefined {
    const same = this.#claims.get(address) ?? [];
    if (same.length < 2 && this.#ranges.length === 0) return same[0];
    const range = parseAddressRange(address);
    const around = this.#ranges
      .filter((candidate) => range !== undefined && coversRange(candidate.range, range))
      .map(({ service }) => service);
    const ageOf = (service: ResolvedService): number => this.#ages.get(service) ?? 0;
    const byAge = [...new Set([...same, ...around])].sort((a, b) => ageOf(a) - ageOf(b));
    const claimants = sortByPrecedence(byAge, viewer);
    const [first] = claimants;
    if (first?.object.kind === 'Service') return first;
    return claimants.find((service) => isAllocated(service, address)) ?? first;
  }

  /**
   * The service that answers at a port of an address, for clients of `viewer`: the first of the
   * holder's namespace that has the port there.
   */
  owner(address: string, port: number, viewer?: string): ResolvedService | undefined {
    const holder = this.holder(address, viewer);
    return sortByPrecedence(this.#claims.get(address) ?? [], viewer).find(
      ({ namespace, ports }) =>
        namespace === holder?.namespace && ports.some(({ number, protocol }) => number === port && protocol !== 'udp'),
    );
  }
}

function isAllocated({ object, host }: ResolvedService, address: string): boolean {
  return (
    object.kind === 'ServiceEntry' &&
    (object.spec.addresses ?? []).length === 0 &&
    object.spec.hostAddresses?.[host]?.includes(address) === true
  );
}

/**
 * Reports the addresses of a service that another namespace's service holds, if that makes a
 * difference.
 */
export function reportLostAddresses(context: ResolveContext, service: ResolvedService): void {
  for (const address of service.addresses) {
    const book = new AddressBook(findClaimants(context.mesh, address));
    const holder = book.holder(address);
    if (holder === undefined || holder.namespace === service.namespace) continue;
    if (holder.object.kind === 'Service') reportLostAddress(context, service, address, holder);
    else if (isSharedAbroad(service) && isSharedAbroad(holder)) {
      context.report({
        code: 'AddressConflict',
        severity: 'warning',
        ref: service.ref,
        path: addressPath(service),
        message: `${address} is held by ${formatRef(holder.ref)}, so ${service.host} is not reached there by clients of other namespaces`,
        hint: 'give each service addresses of its own, or set exportTo to "."',
      });
    }
  }
}

/** Reports that a service has lost an address, in the same words everywhere. */
export function reportLostAddress(
  context: ResolveContext,
  service: ResolvedService,
  address: string,
  owner: Pick<ResolvedService, 'ref' | 'host'>,
  port?: number,
): void {
  const by = formatRef(owner.ref) === formatRef(service.ref) ? owner.host : formatRef(owner.ref);
  context.report({
    code: 'AddressConflict',
    severity: 'error',
    ref: service.ref,
    path: addressPath(service),
    message: `${address}${port === undefined ? '' : ` port ${port}`} belongs to ${by}, so ${service.host} is not reached there`,
    hint: 'give each service addresses of its own',
  });
}

function addressPath({ object }: ResolvedService): FieldPath {
  return object.kind === 'Service' ? ['spec', 'clusterIP'] : ['spec', 'addresses'];
}

/** The services that claim an address, or a range around it, in the order of their age. */
export function findClaimants(mesh: MeshSnapshot, address: string): readonly ResolvedService[] {
  const range = parseAddressRange(address);
  const objects = [
    ...mesh.find('Service/address', address),
    ...mesh.find('ServiceEntry/address', address),
    ...mesh.find('ServiceEntry/range', ''),
  ];
  return [...new Set(objects)]
    .sort(compareObjects)
    .flatMap((object) => resolveServices(object, mesh.settings.clusterDomain))
    .filter(({ addresses }) =>
      addresses.some((claimed) => {
        const outer = claimed === address ? range : claimed.includes('/') ? parseAddressRange(claimed) : undefined;
        return outer !== undefined && range !== undefined && coversRange(outer, range);
      }),
    );
}

/** Whether clients of other namespaces can see a service. */
export function isSharedAbroad({ object, namespace }: ResolvedService): boolean {
  const exportTo = exportToOf(object) ?? [];
  return exportTo.length === 0 || exportTo.some((target) => target !== '.' && target !== namespace && target !== '~');
}
