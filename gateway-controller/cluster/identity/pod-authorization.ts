// Authorizes the proxies of a cluster: a proxy's certificate must be that of the pod that it names,
// and that pod must be one of the Gateway that it asks for. Pure.

import { formatProxyKey } from '../../../generator/index.ts';
import { gatewayNameLabel, serviceAccountOf } from '../../../mesh/index.ts';
import type { MeshSnapshot } from '../../../mesh/index.ts';
import type { Admission, Node, Peer } from '../../../xds/index.ts';
import { readPeerIdentity } from '../../serving/peer-identity.ts';

/** The facts at the begin of a stream. */
export interface PodAuthorizationInput {
  readonly mesh: MeshSnapshot;
  readonly trustDomain: string;
  /** Whether there is configuration of that key. */
  readonly hasProxy: (key: string) => boolean;
}

/** Decides for one stream. The node's claim chooses a pod; the pod's certificate decides. */
export function authorizePod(
  peer: Peer,
  node: Node,
  { mesh, trustDomain, hasProxy }: PodAuthorizationInput,
): Admission {
  const client = readPeerIdentity(peer, trustDomain);
  if ('denied' in client) return client;
  const { identity, uri } = client;
  const place = parsePodName(node);
  if (place === undefined)
    return { denied: `the node "${node.id}" is not of the form waypoint~<ip>~<pod>.<namespace>~<domain>` };
  const { namespace, name } = place;
  if (identity.namespace !== namespace) {
    return { denied: `the configuration of pod ${namespace}/${name} was asked for by ${uri}` };
  }
  const pod = mesh.get('Pod', namespace, name);
  const gateway = pod?.metadata.labels[gatewayNameLabel];
  if (pod === undefined || gateway === undefined) {
    return { denied: `there is no pod ${namespace}/${name} of a Gateway` };
  }
  if (serviceAccountOf(pod.spec.serviceAccountName) !== identity.serviceAccount) {
    return { denied: `pod ${namespace}/${name} does not run as ${identity.serviceAccount}` };
  }
  const asked = namedGateway(node);
  if (asked !== undefined && asked !== gateway) {
    return { denied: `pod ${namespace}/${name} is of Gateway ${gateway}, and asked for that of ${asked}` };
  }
  const key = formatProxyKey({ namespace, name: gateway });
  return hasProxy(key) ? { key } : { denied: `there is no waypoint ${namespace}/${gateway}` };
}

/** The pod that a node's id names. */
export function parsePodName({ id }: Node): { readonly namespace: string; readonly name: string } | undefined {
  const [role, , pod = '', ...rest] = id.split('~');
  if (role !== 'waypoint' || rest.length === 0) return undefined;
  const dot = pod.lastIndexOf('.');
  return dot <= 0 ? undefined : { name: pod.slice(0, dot), namespace: pod.slice(dot + 1) };
}

/** The Gateway that the node's labels name, if they do; a value that is no text names none. */
function namedGateway({ metadata }: Node): string | undefined {
  const labels = metadata['LABELS'];
  if (typeof labels !== 'object' || labels === null || Array.isArray(labels)) return undefined;
  const found = Object.entries(labels).find(([key]) => key === gatewayNameLabel)?.[1];
  return found === undefined || typeof found === 'string' ? found : '';
}
