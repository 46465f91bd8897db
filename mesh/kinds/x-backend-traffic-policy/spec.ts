// Gateway API XBackendTrafficPolicy (gateway.networking.x-k8s.io/v1alpha1), of the experimental
// channel. The API server fills in defaults; their readers apply them too, since objects come from
// files as well.

import type { SessionPersistence } from '../gateway-route/spec.ts';

/** A target in the policy's own namespace, with all of its ports. */
export interface BackendTrafficTarget {
  readonly group: string;
  readonly kind: string;
  readonly name: string;
}

export interface RetryConstraint {
  /** Retries may be 20 percent of the requests of 10 seconds by default. */
  readonly budget?: { readonly percent?: number; readonly interval?: string };
  /** Retries that are allowed however few requests there are: 10 in a second by default. */
  readonly minRetryRate?: { readonly count?: number; readonly interval?: string };
}

export interface XBackendTrafficPolicySpec {
  readonly targetRefs: readonly BackendTrafficTarget[];
  readonly retryConstraint?: RetryConstraint;
  readonly sessionPersistence?: Pick<SessionPersistence, 'type' | 'absoluteTimeout' | 'sessionName' | 'cookieConfig'>;
}
