// The protocol between the tests and the program in a client pod: JSON over HTTP.

import type { Download } from '../../support/downloads.ts';
import type { HttpRequest } from '../../support/hbone-client.ts';

/** One request through a waypoint: `host:port` of the waypoint, `address:port` of the service. */
export interface ClientCall {
  readonly waypoint: string;
  readonly target: string;
  readonly request: HttpRequest;
}

/** The answer. */
export interface ClientAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The result of a load. */
export interface LoadReport {
  readonly sent: number;
  /** How often each status came. */
  readonly statuses: Readonly<Record<string, number>>;
  /** When and why: no answer, or a status of 500 and above. */
  readonly failures: readonly string[];
}

/** Where a client serves downloads. */
export const downloadPorts = { http: 8000, tcp: 9000 } as const;

/**
 * Downloads through a waypoint, several at a time, each through a tunnel of its own; `service` is
 * an address.
 */
export interface ClientDownloads {
  readonly waypoint: string;
  readonly service: string;
  readonly wanted: readonly Download[];
}
