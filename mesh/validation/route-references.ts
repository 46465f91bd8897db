// The expressions in the definitions of all routes of the Gateway API: distinct parents, and names
// of hosts.

import type { RouteParentRef, TcpRouteSpec } from '../kinds/gateway-route/spec.ts';
import { isIpAddress } from '../address.ts';
import { gatewayGroup } from '../labels.ts';
import type { Problem } from '../reading/problem.ts';
import { errorAt } from '../reading/problem.ts';

/**
 * References to one parent each name a section or a port, and not the same; or there is only one.
 */
export function checkParents(parents: readonly RouteParentRef[] = []): readonly Problem[] {
  const parentOf = ({ group = gatewayGroup, kind = 'Gateway', namespace = '', name }: RouteParentRef): string =>
    [group, kind, namespace, name].join('/');
  const partOf = ({ sectionName = '', port }: RouteParentRef): string => `${sectionName}:${port ?? ''}`;
  return parents.flatMap((parent, index) => {
    const earlier = parents.slice(0, index).filter((other) => parentOf(other) === parentOf(parent));
    // One whole parent beside a part of it would be both in the route and out of it.
    const isWhole = (each: RouteParentRef): boolean => partOf(each) === ':';
    const isClear = earlier.every((other) => partOf(other) !== partOf(parent) && isWhole(other) === isWhole(parent));
    if (isClear) return [];
    const message = 'Two references to the same parent need a `sectionName` or `port` each, and not the same.';
    return [errorAt('InvalidValue', ['spec', 'parentRefs', index], message, 'keep one of them, or name ports')];
  });
}

/** The problems of one TCPRoute or TLSRoute. */
export function checkTcpRouteObject({ parentRefs, hostnames = [] }: TcpRouteSpec): readonly Problem[] {
  return [
    ...checkParents(parentRefs),
    ...hostnames.flatMap((host, index) =>
      isIpAddress(host)
        ? [errorAt('InvalidValue', ['spec', 'hostnames', index], 'An IP address is no host name.')]
        : [],
    ),
  ];
}
