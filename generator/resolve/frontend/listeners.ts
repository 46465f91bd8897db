// The listener input of a waypoint: the ports of every service bound to it.

import type { MeshSettings } from '../../../mesh/index.ts';
import type { AddressDispatch } from '../../model/connect.ts';
import type { DirectFrontend } from '../../model/direct.ts';
import type { ListenerModel, WaypointGateway } from '../../model/waypoint.ts';
import { resolveAccessLog } from './access-log.ts';
import { AddressBook, reportLostAddress } from '../service/address-book.ts';
import { resolveServedServices } from '../waypoint/served.ts';
import type { ResolveContext } from '../context.ts';
import { resolveDirect } from './direct.ts';
import { resolveFrontendAddress } from './frontend.ts';
import { closedParts, virtualRefusalOf } from '../endpoint/reachable.ts';
import type { ResolvedService } from '../service/service.ts';
import type { ServedAddress } from '../../model/frontend.ts';

/**
 * The listeners of a waypoint. An address that two services claim is the first one's by precedence,
 * and is reported.
 */
export function resolveListeners(context: ResolveContext, gateway: WaypointGateway): ListenerModel {
  const { trustDomain, trustDomainAliases } = context.mesh.settings;
  const served: ServedAddress[] = [];
  const services = resolveServedServices(context, gateway);
  const book = new AddressBook(services);
  for (const service of services) {
    for (const port of service.ports) {
      const address = resolveFrontendAddress(context, gateway, service, port);
      if (address === undefined) continue;
      const own = address.addresses.filter((ip) => {
        if (virtualRefusalOf(context.mesh.settings, ip) !== undefined) return false;
        const owner = book.owner(ip, address.port, gateway.namespace) ?? book.holder(ip, gateway.namespace);
        if (owner === undefined || owner === service) return true;
        const isWhole = owner.namespace !== service.namespace;
        reportLostAddress(context, service, ip, owner, isWhole ? undefined : address.port);
        return false;
      });
      served.push({
        address: { ...address, addresses: own },
        service: { namespace: service.namespace, name: service.name },
      });
    }
  }
  served.sort(({ address: a }, { address: b }) => (a.host < b.host ? -1 : a.host > b.host ? 1 : a.port - b.port));
  reportSniffedPorts(context, services);
  const direct = resolveDirect(context, gateway, served);
  return {
    gateway,
    trustDomains: [trustDomain, ...trustDomainAliases],
    accessLog: resolveAccessLog(context.mesh.settings),
    served,
    dispatch: resolveDispatch(context.mesh.settings, served, direct),
    ...(direct === undefined ? {} : { direct }),
  };
}

/** Addresses that lead to the same ports stand together. */
function resolveDispatch(
  settings: MeshSettings,
  served: readonly ServedAddress[],
  direct: DirectFrontend | undefined,
): readonly AddressDispatch[] {
  const byAddress = new Map<string, ServedAddress[]>();
  for (const each of served) {
    for (const address of each.address.addresses) {
      byAddress.set(address, [...(byAddress.get(address) ?? []), each]);
    }
  }
  const byPorts = new Map<string, { readonly addresses: string[]; readonly ports: readonly ServedAddress[] }>();
  for (const [address, ports] of byAddress) {
    const key = ports.map(({ address: { host, port } }) => `${host}:${port}`).join(' ');
    const entry = byPorts.get(key) ?? { addresses: [], ports };
    entry.addresses.push(address);
    byPorts.set(key, entry);
  }
  const closed = closedParts(settings, [...byAddress.keys()]);
  return [
    ...[...byPorts.values()].map(({ addresses, ports }) => ({ addresses, to: { ports } })),
    ...(closed.length === 0 ? [] : [{ addresses: closed, to: 'closed' } as const]),
    ...(direct === undefined ? [] : [{ addresses: direct.addresses, to: 'workloads' } as const]),
  ];
}

/** Sniffing waits for the client to speak. */
function reportSniffedPorts(context: ResolveContext, services: readonly ResolvedService[]): void {
  for (const { ref, object, host, ports } of services) {
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
}
