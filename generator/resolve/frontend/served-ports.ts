// The service ports that a waypoint serves, with the addresses that lead to them: the unit is the
// object that declares the services.

import { compareObjects } from '../../../mesh/index.ts';
import type { ServedAddress } from '../../model/frontend.ts';
import type { WaypointGateway } from '../../model/waypoint.ts';
import type { ResolveContext } from '../context.ts';
import { virtualRefusalOf } from '../endpoint/reachable.ts';
import { AddressBook, findClaimants, reportLostAddress } from '../service/address-book.ts';
import type { ResolvedService } from '../service/service.ts';
import { isServedBy, listCandidates, resolveOwnServices, type ServiceObject } from '../waypoint/served.ts';
import { resolveFrontendAddress } from './frontend.ts';

/** All of them, sorted by host, then port. */
export function resolveAllPorts(context: ResolveContext, gateway: WaypointGateway): readonly ServedAddress[] {
  return [...listCandidates(context.mesh, gateway)]
    .sort(compareObjects)
    .flatMap((object) => resolveServedPorts(context, gateway, object))
    .sort(({ address: a }, { address: b }) => (a.host < b.host ? -1 : a.host > b.host ? 1 : a.port - b.port));
}

/**
 * Those of one object. An address that two services claim is the first one's by precedence, and is
 * reported.
 */
export function resolveServedPorts(
  context: ResolveContext,
  gateway: WaypointGateway,
  object: ServiceObject,
): readonly ServedAddress[] {
  return resolveOwnServices(context, gateway, object).flatMap((service) => {
    reportSniffedPorts(context, service);
    const books = new Map(service.addresses.map((ip) => [ip, openBook(context, gateway, service, ip)]));
    return service.ports.flatMap((port): readonly ServedAddress[] => {
      const address = resolveFrontendAddress(context, gateway, service, port);
      if (address === undefined) return [];
      const own = address.addresses.filter((ip) => {
        if (virtualRefusalOf(context.mesh.settings, ip) !== undefined) return false;
        const book = books.get(ip);
        const owner = book?.owner(ip, address.port, gateway.namespace) ?? book?.holder(ip, gateway.namespace);
        if (owner === undefined || isSame(owner, service)) return true;
        const isWhole = owner.namespace !== service.namespace;
        reportLostAddress(context, service, ip, owner, isWhole ? undefined : address.port);
        return false;
      });
      const { namespace, name } = service;
      return [{ address: { ...address, addresses: own }, service: { namespace, name } }];
    });
  });
}

/**
 * The services of the waypoint that claim an address, or a range around it; undefined if nobody
 * else does.
 */
function openBook(
  { mesh }: ResolveContext,
  gateway: WaypointGateway,
  service: ResolvedService,
  ip: string,
): AddressBook | undefined {
  const claimants = findClaimants(mesh, ip);
  if (claimants.length < 2) return undefined;
  return new AddressBook(claimants.filter((each) => isSame(each, service) || isServedBy(mesh, gateway, each)));
}

function isSame(a: ResolvedService, b: ResolvedService): boolean {
  return a.object === b.object && a.host === b.host;
}

/** Sniffing waits for the client to speak. */
function reportSniffedPorts(context: ResolveContext, { ref, object, host, ports }: ResolvedService): void {
  ports.forEach(({ number, protocol }, index) => {
    if (protocol !== 'auto' || object.spec.ports?.[index] === undefined) return;
    context.report({
      code: 'ProtocolUnknown',
      severity: 'info',
      ref,
      path: ['spec', 'ports', index],
      message: `port ${number} of "${host}" does not say its protocol, so a waypoint takes it from the client's first bytes; a server that speaks first is not heard, and a client that says nothing, or less than a line of text, for 15 s is cut off`,
      hint: 'give the port a name that begins with its protocol: tcp, http, grpc, ..., or an appProtocol',
    });
  });
}
