// Findings as the admin interface shows them.

import { formatPath, type ObjectRef, type PlacedFinding } from '../../mesh/index.ts';

/** A Finding as JSON: the place and the field in fields of their own. */
export interface FindingView {
  readonly severity: string;
  readonly code: string;
  readonly object: ObjectRef;
  readonly path: string;
  readonly message: string;
  readonly hint?: string;
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
}

/** A Finding as JSON. */
export function viewFinding({ code, severity, ref, path, message, hint, position }: PlacedFinding): FindingView {
  return {
    severity,
    code,
    object: ref,
    path: formatPath(path),
    message,
    ...(hint === undefined ? {} : { hint }),
    ...position,
  };
}
