// The admin view of proxies in a cluster: those whose streams this replica holds. Pure.

import type { ProxyStatus } from '../../xds/index.ts';
import { parsePodName } from './identity/pod-authorization.ts';

/** One type of resources of one proxy. */
export interface ClusterProxyType {
  readonly acked: number;
  readonly pending: number;
  /** Resources that Envoy refused; it goes on with the version before. */
  readonly rejected: readonly string[];
  readonly pushes: number;
  readonly nacks: number;
  /** Envoy's message, and its time. */
  readonly lastNack?: { readonly message: string; readonly time: string };
}

/** One proxy. */
export interface ClusterProxyView {
  /** The id of its node. */
  readonly id: string;
  readonly pod: string;
  readonly namespace: string;
  readonly gateway: string;
  /** The replica of the control plane that it is connected to. */
  readonly replica: string;
  readonly state: ProxyStatus['state'];
  /** RFC 3339. */
  readonly connectedSince: string;
  /** By the short names `CDS`, `EDS`, `LDS`, `RDS`, `ECDS`. */
  readonly types: Readonly<Record<string, ClusterProxyType>>;
}

const shortNames: Readonly<Record<string, string>> = {
  Cluster: 'CDS',
  ClusterLoadAssignment: 'EDS',
  Listener: 'LDS',
  RouteConfiguration: 'RDS',
  TypedExtensionConfig: 'ECDS',
  Secret: 'SDS',
};

/** The view of one proxy. */
export function viewClusterProxy(status: ProxyStatus, replica: string): ClusterProxyView {
  const { node, key, state, connectedSince, types } = status;
  const pod = parsePodName(node);
  return {
    id: node.id,
    pod: pod?.name ?? node.id,
    namespace: pod?.namespace ?? '',
    gateway: key.split('/')[2] ?? key,
    replica,
    state,
    connectedSince: new Date(connectedSince).toISOString(),
    types: Object.fromEntries(
      Object.entries(types).map(([typeUrl, { acked, pending, rejected, pushes, nacks, lastNack }]) => {
        const name = typeUrl.slice(typeUrl.lastIndexOf('.') + 1);
        const nack =
          lastNack === undefined
            ? {}
            : { lastNack: { message: lastNack.message, time: new Date(lastNack.time).toISOString() } };
        return [shortNames[name] ?? name, { acked, pending, rejected, pushes, nacks, ...nack }];
      }),
    ),
  };
}
