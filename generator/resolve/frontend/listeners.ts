// The Gateway's side of a waypoint: everything that no single service decides.

import type { MeshSettings, MeshSnapshot } from '../../../mesh/index.ts';
import type { AddressDispatch } from '../../model/connect.ts';
import type { DirectFrontend } from '../../model/direct.ts';
import type { ServedAddress } from '../../model/frontend.ts';
import type { ListenerModel, WaypointGateway } from '../../model/waypoint.ts';
import { type ResolveContext, withoutFindings } from '../context.ts';
import { closedParts } from '../endpoint/reachable.ts';
import { resolveAccessLog } from './access-log.ts';
import { resolveDirect } from './direct.ts';
import { resolveAllPorts } from './served-ports.ts';

/**
 * The listeners of a waypoint. They depend on its services only where workloads or ranges of
 * addresses have to be told from them.
 */
export function resolveListeners(context: ResolveContext, gateway: WaypointGateway): ListenerModel {
  const { settings } = context.mesh;
  const served = mayShare(context.mesh, gateway) ? resolveAllPorts(withoutFindings(context.mesh), gateway) : [];
  const direct = resolveDirect(context, gateway, served);
  return {
    gateway,
    trustDomains: [settings.trustDomain, ...settings.trustDomainAliases],
    accessLog: resolveAccessLog(settings),
    shared: resolveDispatch(settings, served, direct).filter(isShared(served)),
    ...(direct === undefined ? {} : { direct }),
  };
}

/** Whether there may be authorities that do not lead to a service by an address of its own. */
function mayShare(mesh: MeshSnapshot, { trafficType }: WaypointGateway): boolean {
  return trafficType === 'workload' || trafficType === 'all' || mesh.find('ServiceEntry/range', '').length > 0;
}

/** Ranges and workloads; and with ranges the single addresses, some of which may be within them. */
function isShared(served: readonly ServedAddress[]): (dispatch: AddressDispatch) => boolean {
  const hasRanges = served.some(({ address: { addresses } }) => addresses.some((address) => address.includes('/')));
  return ({ to }) => hasRanges || typeof to === 'string';
}

/** Where addresses lead. Those that lead to the same ports stand together. */
export function resolveDispatch(
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
