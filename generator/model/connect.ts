// The authorization of tunnels. A client proves its identity by TLS 1.3, with a certificate of one
// of the waypoint's trust domains: without one there is no connection. Then it asks, by CONNECT,
// for an address and port, the authority. A tunnel that was opened as one of `decided` or `openTcp`
// is marked so: TCP ports whose verdict is `connect` take no others.

import type { Authorization } from './authorization.ts';

/**
 * Authorities have several spellings (`:09000`, `[2001:db8:0::1]`) that reach the same port. Only
 * the canonical one, which the model's addresses have, opens a tunnel; any other is answered with
 * 404.
 */
export interface ConnectModel {
  /** Ports whose policies are decided here, with 403. No authority is in two of them. */
  readonly decided: readonly ConnectDecision[];
  /** TCP ports whose verdict is `connect` and that no policy restricts. */
  readonly openTcp: readonly ConnectAuthority[];
  /**
   * The other authorities of IPv6 that open a tunnel; those that are not here are answered with
   * 404.
   */
  readonly openV6: readonly ConnectAuthority[];
  /** Addresses of IPv6 of which every other port opens a tunnel. */
  readonly openV6Workloads: readonly string[];
  // Every other authority of IPv4 opens a tunnel. If it is not served, the connection inside it is
  // closed.
}

export interface ConnectAuthority {
  readonly address: string;
  readonly port: number;
}

/** The policies of one port of a service, or of workloads. */
export interface ConnectDecision {
  /** The service; `direct` for workloads. */
  readonly host: string;
  readonly port: number;
  /** Single addresses. */
  readonly addresses: readonly string[];
  readonly authorization: Authorization;
}
