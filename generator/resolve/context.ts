// What every resolver is given: the configuration to ask, and a place to put Findings.

import type { Finding, MeshSnapshot } from '../../mesh/index.ts';

/** Questions and Findings of one computation. The snapshot records what is read; `report` collects what is found. */
export interface ResolveContext {
  readonly mesh: MeshSnapshot;
  readonly report: (finding: Finding) => void;
}
