// Resolves the owner of a service-account token by asking the API server.

import type { ApiClient } from './client.ts';
import { resources } from './resource.ts';

/** The owner of a token that the API server accepts. */
export interface ReviewedToken {
  readonly namespace: string;
  readonly serviceAccount: string;
  /** The pod that the token is bound to; deleted pods' tokens are not accepted. */
  readonly podName?: string;
  readonly podUid?: string;
  /** The node of that pod. */
  readonly node?: string;
}

interface ReviewStatus {
  readonly authenticated?: boolean;
  readonly audiences?: readonly string[];
  readonly user?: { readonly username?: string; readonly extra?: Readonly<Record<string, readonly string[]>> };
}

/**
 * Undefined when the API server does not accept the token for one of the audiences, or when it is
 * not a service account's.
 */
export async function reviewToken(
  client: ApiClient,
  token: string,
  audiences: readonly string[],
): Promise<ReviewedToken | undefined> {
  const review = { metadata: { name: '' }, spec: { token, audiences } };
  const { status = {} } = (await client.create(resources.TokenReview, review)) as { readonly status?: ReviewStatus };
  if (status.authenticated !== true) return undefined;
  // A server that does not know audiences answers without them, and has then not checked ours.
  if (!audiences.some((audience) => status.audiences?.includes(audience) === true)) return undefined;
  const [, namespace, serviceAccount] =
    /^system:serviceaccount:([^:]+):([^:]+)$/.exec(status.user?.username ?? '') ?? [];
  if (namespace === undefined || serviceAccount === undefined) return undefined;
  const extra = (name: string): string | undefined => status.user?.extra?.[`authentication.kubernetes.io/${name}`]?.[0];
  const [podName, podUid, node] = [extra('pod-name'), extra('pod-uid'), extra('node-name')];
  return {
    namespace,
    serviceAccount,
    ...(podName === undefined ? {} : { podName }),
    ...(podUid === undefined ? {} : { podUid }),
    ...(node === undefined ? {} : { node }),
  };
}
