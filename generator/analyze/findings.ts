// Collects Findings: the same one may come from several ports or several waypoints, and counts
// once.

import { type Finding, formatPath, formatRef } from '../../mesh/index.ts';

/** The identity of a Finding. */
export function findingKey(finding: Finding): string {
  return `${formatRef(finding.ref)} ${formatPath(finding.path)} ${finding.code} ${finding.message} ${finding.hint ?? ''}`;
}

/** A collector; `list` gives each Finding once, sorted by object and field. */
export function collectFindings(): {
  readonly report: (finding: Finding) => void;
  readonly list: () => readonly Finding[];
} {
  const found = new Map<string, Finding>();
  return {
    report: (finding) => void found.set(findingKey(finding), finding),
    list: () => sortFindings(found),
  };
}

/** Findings by key, in the order of their keys. */
export function sortFindings(found: ReadonlyMap<string, Finding>): readonly Finding[] {
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, finding]) => finding);
}
