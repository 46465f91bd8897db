// The parts of a mesh that Cairn does not bring: definitions of kinds, and a node proxy. The
// versions are those that the tests run with.

import { ApiError, resources } from '../kubernetes/index.ts';
import type { ApiClient } from '../kubernetes/index.ts';

const gatewayApi = 'https://github.com/kubernetes-sigs/gateway-api/releases/download/v1.6.3/standard-install.yaml';
const istio = 'https://raw.githubusercontent.com/istio/istio/1.30.2/manifests/charts/base/files/crd-all.gen.yaml';

/** Undefined if the user may not read it, since nothing is known then. */
export async function unlessForbidden<T>(asked: Promise<T>): Promise<T | undefined> {
  return await asked.catch((error: unknown) => {
    if (error instanceof ApiError && error.status === 403) return undefined;
    throw error;
  });
}

/** The command that installs the definitions of the Gateway API. */
export const installGatewayApi: string = `kubectl apply --server-side -f ${gatewayApi}`;

/** Advice about kinds of Istio that the cluster does not know; undefined when it knows them. */
export async function adviseOnIstio(client: ApiClient): Promise<string | undefined> {
  const needed = [resources.VirtualService, resources.DestinationRule, resources.AuthorizationPolicy];
  const served = await Promise.all(needed.map((resource) => client.serves(resource)));
  const missing = needed.filter((_, index) => served[index] === false);
  if (missing.length === 0) return undefined;
  return (
    `the cluster does not know ${missing.map(({ kind }) => kind).join(', ')}; where you want Istio's kinds beside the Gateway API's:\n` +
    `  kubectl apply --server-side -f ${istio}`
  );
}

/**
 * Advice when no pod of a node proxy is in the cluster: without one, no request of a client goes
 * another way.
 */
export async function adviseOnNodeProxy(client: ApiClient): Promise<string | undefined> {
  const found = await unlessForbidden(client.list(resources.Pod, { labelSelector: 'app=ztunnel' }));
  if (found === undefined || found.length > 0) return undefined;
  return (
    "no node proxy is in the cluster (no pod has the label app=ztunnel): requests go past waypoints until ztunnel of Istio's ambient mode " +
    'takes them there; docs/guide/install.md ("The node proxy") says how it is installed'
  );
}
