// The addresses on which one node's proxy listens for clients: the virtual addresses of services,
// and the service of each for a client.

import { isIpAddress } from '../../../mesh/index.ts';
import type { NodeAddress, NodeService, NodeWorkload } from '../../model/node.ts';
import { type AddressBook, reportLostAddress } from '../service/address-book.ts';
import type { ResolveContext } from '../context.ts';
import { virtualRefusalOf } from '../endpoint/reachable.ts';
import type { ResolvedService } from '../service/service.ts';

/** Names a service port among those of a node. */
export function formatPort({ namespace, host }: ResolvedService, port: number): string {
  return `${namespace}/${host}:${port}`;
}

/**
 * The addresses that can be listened on, and their services; others would make Envoy refuse the
 * whole listener.
 */
export function resolveNodeAddresses(
  context: ResolveContext,
  input: {
    readonly book: AddressBook;
    /** Addresses of workloads and proxies. */
    readonly taken: ReadonlySet<string>;
    readonly made: ReadonlyMap<string, NodeService>;
    readonly workloads: readonly NodeWorkload[];
  },
): readonly NodeAddress[] {
  const { book, taken, made, workloads } = input;
  const namespaces = [...new Set(workloads.map(({ namespace }) => namespace))];
  const found: NodeAddress[] = [];
  for (const [address, services] of book.claims) {
    // Reported for every service.
    if (virtualRefusalOf(context.mesh.settings, address) !== undefined) continue;
    if (!isIpAddress(address)) {
      for (const service of services) reportRange(context, service, address);
      continue;
    }
    if (taken.has(address)) {
      for (const service of services) reportTaken(context, service, address);
      continue;
    }
    reportLostPorts(context, book, address);
    for (const port of portsOf(services)) {
      const serviceFor = (viewer?: string): NodeService | undefined => {
        const owner = book.owner(address, port, viewer);
        return owner === undefined ? undefined : made.get(formatPort(owner, port));
      };
      const service = serviceFor();
      const exceptions = new Map(
        namespaces
          .map((namespace) => [namespace, serviceFor(namespace)] as const)
          .filter(([, other]) => other !== service),
      );
      found.push({ address, port, ...(service === undefined ? {} : { service }), exceptions });
    }
  }
  return found.sort((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : a.port - b.port));
}

/** Of services of one namespace that share an address, the first one with a port has that port. */
function reportLostPorts(context: ResolveContext, book: AddressBook, address: string): void {
  for (const service of book.claims.get(address) ?? []) {
    for (const port of portsOf([service])) {
      const owner = book.owner(address, port);
      if (owner === undefined || owner === service || owner.namespace !== service.namespace) continue;
      reportLostAddress(context, service, address, owner, port);
    }
  }
}

function portsOf(services: readonly ResolvedService[]): readonly number[] {
  const ports = services.flatMap((service) => service.ports.filter(({ protocol }) => protocol !== 'udp'));
  return [...new Set(ports.map(({ number }) => number))];
}

function reportTaken(context: ResolveContext, service: ResolvedService, address: string): void {
  context.report({
    code: 'AddressConflict',
    severity: 'error',
    ref: service.ref,
    path: service.object.kind === 'Service' ? ['spec', 'clusterIP'] : ['spec', 'addresses'],
    message: `${address} belongs to a workload or a proxy, so ${service.host} cannot be reached there`,
    hint: 'give every service an address of its own',
  });
}

function reportRange(context: ResolveContext, service: ResolvedService, range: string): void {
  context.report({
    code: 'NotServed',
    severity: 'warning',
    ref: service.ref,
    path: ['spec', 'addresses'],
    message: `on one machine only addresses are listened on, so ${service.host} is not reached in the range ${range}`,
    hint: 'list the addresses that clients use',
  });
}
