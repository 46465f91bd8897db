// Tunnels. A client proves its identity by TLS 1.3, with a certificate of one of the waypoint's
// trust domains: without one there is no connection. Then it asks, by CONNECT, for an address and
// port, the authority, and reaches the frontend that has it.

import type { ServedAddress } from './frontend.ts';

/**
 * Where tunnels lead, by the address that the client dialled. Authorities have several spellings
 * (`:09000`, `[2001:db8:0::1]`); only the canonical one, which the model's addresses have, opens a
 * tunnel. Any other, and one that no dispatch holds, is answered with 404.
 */
export interface AddressDispatch {
  /** IPv4 or IPv6 text, or ranges of IPv4 addresses. */
  readonly addresses: readonly string[];
  /**
   * `closed`: no tunnel may go there. `workloads`: see `DirectFrontend`. Else by port, and any
   * other port is closed.
   */
  readonly to: 'closed' | 'workloads' | { readonly ports: readonly ServedAddress[] };
}
