// MeshConfig `defaultTrafficPolicy`, for services whose DestinationRules configure no connection
// pool or outlier detection.

import type { MeshSnapshot } from '../../../mesh/index.ts';
import type { EffectivePolicy, Stated } from './policy.ts';

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
