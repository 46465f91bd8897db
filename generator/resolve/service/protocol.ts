// The protocol of a service port, from its fields (Istio's protocol selection).

import type { FrontendProtocol } from '../../model/frontend.ts';

/** A waypoint does not serve `udp` ports at all. */
export type PortProtocol = FrontendProtocol | 'udp';

const byName: Readonly<Record<string, PortProtocol>> = {
  http: 'http',
  http2: 'http2',
  grpc: 'http2',
  'grpc-web': 'grpc-web',
  https: 'tcp',
  tls: 'tcp',
  tcp: 'tcp',
  mongo: 'tcp',
  redis: 'tcp',
  mysql: 'tcp',
  udp: 'udp',
};

const byAppProtocol: Readonly<Record<string, PortProtocol>> = {
  'kubernetes.io/h2c': 'http2',
  'kubernetes.io/ws': 'http',
  'kubernetes.io/wss': 'tcp',
};

/** Ports whose servers speak first, so that sniffing would hang: SMTP, DNS, MySQL, MongoDB. */
const wellKnownTcpPorts: ReadonlySet<number> = new Set([25, 53, 3306, 27017]);

/**
 * The protocol of a port: `appProtocol`, else the prefix of its name, else well-known ports, else
 * sniffed (`auto`).
 */
export function resolvePortProtocol(port: {
  readonly name?: string | undefined;
  readonly appProtocol?: string | undefined;
  readonly protocol?: string | undefined;
  readonly port: number;
}): PortProtocol {
  if (port.protocol === 'UDP' || port.protocol === 'SCTP') return 'udp';
  const app = port.appProtocol?.toLowerCase();
  if (app !== undefined) {
    const known = byAppProtocol[app] ?? byName[app];
    if (known !== undefined) return known;
  }
  const name = (port.name ?? '').toLowerCase();
  const prefix = name.startsWith('grpc-web') ? 'grpc-web' : (name.split('-')[0] ?? '');
  return byName[prefix] ?? (wellKnownTcpPorts.has(port.port) ? 'tcp' : 'auto');
}
