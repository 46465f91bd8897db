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

/**
 * For a question whose Findings another computation reports: here they would be repeated, or be
 * about another port.
 */
export function withoutFindings(mesh: MeshSnapshot): ResolveContext {
  return { mesh, report: () => undefined };
}
