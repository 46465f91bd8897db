// The context of every resolver: the configuration to ask, and a collector of Findings.

import type { Finding, MeshSnapshot } from '../../mesh/index.ts';

/**
 * Questions and Findings of one computation. The snapshot records reads; `report` collects
 * Findings.
 */
export interface ResolveContext {
  readonly mesh: MeshSnapshot;
  readonly report: (finding: Finding) => void;
}
