// Which configuration a proxy may have: its certificate decides, and what it says of itself must agree. Pure.

import { parseIdentity } from '../certificates/index.ts';
import { formatProxyKey } from '../generator/index.ts';
import { gatewayNameLabel } from '../mesh/index.ts';
import type { Admission, Peer, XdsServerOptions } from '../xds/index.ts';

type Node = Parameters<XdsServerOptions['authorize']>[1];

/** Where Cairn's own parts live. */
export const systemNamespace: string = 'cairn-system';
/** The service account of the control plane. */
export const controlPlaneAccount: string = 'cairn';
/** The DNS name of the control plane, which agents verify. */
export const serverName: string = `${controlPlaneAccount}.${systemNamespace}.svc`;
/** The service account of node proxies. */
export const nodeAccount: string = 'cairn-node';
/** The key of the node proxy's configuration. */
export const nodeKey: string = 'node';

/** Decides for one stream. `hasProxy` tells whether there is configuration of that key. */
export function authorizeProxy(
  peer: Peer,
  node: Node,
  { trustDomain, hasProxy }: { readonly trustDomain: string; readonly hasProxy: (key: string) => boolean },
): Admission {
  const [uri, ...others] = peer.identities;
  const identity = uri === undefined ? undefined : parseIdentity(uri);
  if (identity === undefined || others.length > 0) {
    return { denied: 'the client certificate must carry exactly one identity of a workload' };
  }
  if (identity.trustDomain !== trustDomain) {
    return { denied: `${uri} is of another trust domain than ${trustDomain}` };
  }
  if (node.id.startsWith('ztunnel~')) {
    if (identity.namespace === systemNamespace && identity.serviceAccount === nodeAccount) return { key: nodeKey };
    return { denied: `the node proxy's configuration was asked for by ${uri}` };
  }
  const namespace = node.metadata['NAMESPACE'];
  const name = fieldOf(node.metadata['LABELS'], gatewayNameLabel);
  if (typeof namespace !== 'string' || typeof name !== 'string') {
    return { denied: `the node's metadata names no Gateway (NAMESPACE and the label ${gatewayNameLabel})` };
  }
  const key = formatProxyKey({ namespace, name });
  if (identity.namespace !== namespace || identity.serviceAccount !== name) {
    return { denied: `the configuration of Gateway ${namespace}/${name} was asked for by ${uri}` };
  }
  return hasProxy(key) ? { key } : { denied: `there is no waypoint ${namespace}/${name}` };
}

function fieldOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return Object.entries(value).find(([key]) => key === name)?.[1];
}
