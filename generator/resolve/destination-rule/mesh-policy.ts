// What MeshConfig says in place of a VirtualService or DestinationRule that says nothing: retries, connection pools, outlier detection.

import type { MeshSettings, MeshSnapshot } from '../../../mesh/index.ts';
import type { Retry } from '../../model/http-route.ts';
import type { EffectivePolicy, Stated } from './policy.ts';
import { defaultRetry, readRetry } from '../virtual-service/retry.ts';

/** The retries of routes that say nothing of them; undefined for none. */
export function resolveDefaultRetry({ defaultRetry: policy }: Pick<MeshSettings, 'defaultRetry'>): Retry | undefined {
  return policy === undefined ? defaultRetry : readRetry(policy);
}

/** A traffic policy over that of the mesh: each of the two blocks is taken whole, as in Istio. */
export function withMeshPolicy(mesh: MeshSnapshot, policy: EffectivePolicy): EffectivePolicy {
  const [config] = mesh.list('MeshConfig');
  const { connectionPool, outlierDetection } = config?.spec.defaultTrafficPolicy ?? {};
  if (config === undefined) return policy;
  const state = <T>(field: string, value: T | undefined): Stated<T> | undefined =>
    value === undefined ? undefined : { value, rule: config, path: ['spec', 'defaultTrafficPolicy', field] };
  return {
    ...policy,
    connectionPool: policy.connectionPool ?? state('connectionPool', connectionPool),
    outlierDetection: policy.outlierDetection ?? state('outlierDetection', outlierDetection),
  };
}
