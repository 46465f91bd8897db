// The problems that reading finds inside one object, before its place in a file is known.

import type { FieldPath, FindingCode, Severity } from '../finding.ts';

/** A Finding without its object. */
export interface Problem {
  readonly code: FindingCode;
  readonly severity: Severity;
  readonly path: FieldPath;
  readonly message: string;
  readonly hint?: string;
}

/** A problem that keeps the object from being used. */
export function errorAt(code: FindingCode, path: FieldPath, message: string, hint?: string): Problem {
  return { code, severity: 'error', path, message, ...(hint === undefined ? {} : { hint }) };
}

/** A problem that leaves the object in use. */
export function warningAt(code: FindingCode, path: FieldPath, message: string, hint?: string): Problem {
  return { code, severity: 'warning', path, message, ...(hint === undefined ? {} : { hint }) };
}
