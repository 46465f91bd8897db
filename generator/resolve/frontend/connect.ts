// The authorization of tunnels: from the TCP frontends of a waypoint and its served addresses.

import type { ConnectAuthority, ConnectDecision, ConnectModel } from '../../model/connect.ts';
import type { DirectFrontend } from '../../model/direct.ts';
import type { ServedAddress, TcpFrontend } from '../../model/frontend.ts';
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
  const tcp = frontends
    .filter(({ decidedAt }) => decidedAt === 'connect')
    .map(({ host, port, authorization }) => ({
      host,
      port,
      addresses: addresses.get(formatPort(host, port)) ?? [],
      authorization,
    }));
  const decided = [...tcp, ...(direct?.connect ?? [])].filter(
    (decision) => isRestricted(decision.authorization) && decision.addresses.length > 0,
  );
  const taken = new Set(
    [...tcp, ...decided].flatMap(authoritiesOf).map(({ address, port }) => formatPort(address, port)),
  );
  return {
    decided,
    openTcp: tcp.filter(({ authorization }) => !isRestricted(authorization)).flatMap(authoritiesOf),
    openV6: served.flatMap(({ address: { addresses: own, port } }) =>
      own
        .filter((address) => address.includes(':') && !taken.has(formatPort(address, port)))
        .map((address) => ({ address, port })),
    ),
    openV6Workloads: (direct?.addresses ?? []).filter((address) => address.includes(':')),
  };
}

function authoritiesOf({ addresses, port }: Pick<ConnectDecision, 'addresses' | 'port'>): readonly ConnectAuthority[] {
  return addresses.map((address) => ({ address, port }));
}

function formatPort(place: string, port: number): string {
  return `${place} ${port}`;
}
