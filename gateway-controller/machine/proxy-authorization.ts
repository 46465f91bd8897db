// Authorizes the proxies of a machine: a proxy's certificate decides, and its claims must agree.
// Pure.

import { formatProxyKey } from '../../generator/index.ts';
import { gatewayNameLabel } from '../../mesh/index.ts';
import type { Admission, Node, Peer } from '../../xds/index.ts';
import { readPeerIdentity } from '../serving/peer-identity.ts';

/** The namespace of Cairn's own parts. */
export const systemNamespace: string = 'cairn-system';
/** The service account of the control plane. */
export const controlPlaneAccount: string = 'cairn';
/** The DNS name of the control plane, which agents verify. */
export const serverName: string = `${controlPlaneAccount}.${systemNamespace}.svc`;
/** The service account of node proxies. */
export const nodeAccount: string = 'cairn-node';
/** The key of the node proxy's configuration. */
export const nodeKey: string = 'node';

/** Decides for one stream. `hasProxy`: whether there is configuration of that key. */
export function authorizeProxy(
  peer: Peer,
  node: Node,
  { trustDomain, hasProxy }: { readonly trustDomain: string; readonly hasProxy: (key: string) => boolean },
): Admission {
  const client = readPeerIdentity(peer, trustDomain);
  if ('denied' in client) return client;
  const { identity, uri } = client;
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
