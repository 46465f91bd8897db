// The ports of a VirtualService: a rule that depends on the port may be reached on another one.

import type { ResolvedPort } from '../service/service.ts';
import type { VirtualServiceContext } from './context.ts';

/**
 * Whether the rules are for this service alone: of several hosts, or of a wildcard, each has ports
 * of its own.
 */
export function knowsAllPorts({ owner }: VirtualServiceContext): boolean {
  const { hosts = [] } = owner.spec;
  return hosts.length === 1 && hosts[0]?.startsWith('*') !== true;
}

/** The ports of the service beside this one where HTTP rules apply. */
export function otherPorts({ service, port }: VirtualServiceContext): readonly ResolvedPort[] {
  return service.ports.filter(
    ({ number, protocol }) => number !== port.number && protocol !== 'tcp' && protocol !== 'udp',
  );
}

/** Whether the rules are for this port and no other. */
export function isOnlyPort(context: VirtualServiceContext): boolean {
  return knowsAllPorts(context) && otherPorts(context).length === 0;
}
