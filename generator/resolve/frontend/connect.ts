// The authorization of tunnels: from the TCP frontends of a waypoint and its served addresses.

import type { ConnectModel } from '../../model/connect.ts';
import type { DirectFrontend } from '../../model/direct.ts';
import { isDecidedAtConnect, type ServedAddress, type TcpFrontend } from '../../model/frontend.ts';
import { isRestricted } from '../../model/authorization.ts';

/**
 * A frontend has the addresses that `served` gives it: those that its service claims may belong to
 * another.
 */
export function resolveConnect(
  frontends: readonly TcpFrontend[],
  served: readonly ServedAddress[],
  direct?: Pick<DirectFrontend, 'addresses' | 'connect'>,
): ConnectModel {
  const addresses = new Map(served.map(({ address }) => [formatPort(address.host, address.port), address.addresses]));
  const decided = [
    ...frontends.filter(isDecidedAtConnect).map(({ host, port, authorization }) => ({
      host,
      port,
      addresses: addresses.get(formatPort(host, port)) ?? [],
      authorization,
    })),
    ...(direct?.connect ?? []).filter(({ authorization }) => isRestricted(authorization)),
  ].filter((decision) => decision.addresses.length > 0);
  const taken = new Set(decided.flatMap(({ addresses: own, port }) => own.map((address) => formatPort(address, port))));
  return {
    decided,
    openV6: served.flatMap(({ address: { addresses: own, port } }) =>
      own
        .filter((address) => address.includes(':') && !taken.has(formatPort(address, port)))
        .map((address) => ({ address, port })),
    ),
    openV6Workloads: (direct?.addresses ?? []).filter((address) => address.includes(':')),
  };
}

function formatPort(place: string, port: number): string {
  return `${place} ${port}`;
}
